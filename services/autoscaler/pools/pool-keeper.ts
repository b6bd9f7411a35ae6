// Keeps a pool as large as its region needs: asks for nodes, gives up those that never come, and sends away what is too much: cordon,
// wait until what it holds is ready elsewhere, drain, gone. Runs while its autoscaler leads.
import { subjects } from '../../../contracts/subjects.js';
import { DrainReply, CordonReply } from '../../../contracts/shard.js';
import type { Bus } from '../../mesh/bus.js';
import type { Clock } from '../../mesh/clock.js';
import { errorFields, type Log } from '../../mesh/log.js';
import type { Beat } from '../load-book.js';
import type { ComputePool, PoolNode } from './compute-pool.js';
import { decideNodes, LINGER_MS, type NodeSeen } from './decide-nodes.js';

export interface PoolKeeperParts {
  readonly pool: ComputePool;
  readonly bus: Bus;
  /** Shards of the region that were heard lately. */
  readonly shards: (region: string) => readonly Beat[];
  /** Most replicas that any endpoint wants in the region; undefined while that is not known. */
  readonly wanted: (region: string) => number | undefined;
  readonly lingerMs?: number;
  readonly clock: Clock;
  readonly log: Log;
}

const LOOK_EVERY_MS = 500;
/** A pool that does not answer must not hold up the rest. */
const ASK_MS_MAX = 30_000;
/** Moving what a node holds; what cannot be moved by then is named and ends with it. */
const MOVE_MS_MAX = 30_000;
const SHARD_ASK_MS = 10_000;
const PAUSE_FIRST_MS = 2_000;
const PAUSE_MS_MAX = 300_000;

export class PoolKeeper {
  private readonly asked = new Map<string, number>();
  private readonly heardOnce = new Set<string>();
  private readonly leaving = new Set<string>();
  private surplusSinceMs: number | undefined;
  private failures = 0;
  private pauseUntilMs = 0;
  private names = 0;
  private departures: Promise<unknown> = Promise.resolve();

  constructor(private readonly parts: PoolKeeperParts) {}

  async run(epoch: number, signal: AbortSignal): Promise<void> {
    const { clock, log, pool } = this.parts;
    let troubled = false;
    while (!signal.aborted) {
      try {
        await this.look(epoch, signal);
        troubled = false;
      } catch (error) {
        // Its last good state stays: nothing is asked for and nothing sent away on what is not known.
        if (signal.aborted) break;
        if (!troubled) log.warn('pool.waiting', { pool: pool.shape.name, ...errorFields(error) });
        troubled = true;
        this.failed();
      }
      await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
    }
    await this.departures;
  }

  private async look(epoch: number, signal: AbortSignal): Promise<void> {
    const { pool, shards, wanted: wantedIn, clock, log, lingerMs = LINGER_MS } = this.parts;
    const { region, nodesMax, name: poolName } = pool.shape;
    const wanted = wantedIn(region);
    if (wanted === undefined) return;
    const nowMs = clock.monotonicMs();
    const there = await inTime(pool.nodes(), clock, signal);
    const beats = new Map(shards(region).map((beat) => [beat.shard, beat]));
    const nodes = there.map((node) => this.seen(node, beats.get(node.name), nowMs));
    const mine = new Set(there.map(({ name }) => name));
    const fixedShards = [...beats.values()].filter(
      ({ shard, state }) => !mine.has(shard) && state !== 'draining',
    ).length;
    const surplusMs = this.surplusSinceMs === undefined ? undefined : nowMs - this.surplusSinceMs;
    const pauseMs = this.pauseUntilMs - nowMs;
    const decision = decideNodes({ wanted, fixedShards, nodes, nodesMax, surplusMs, pauseMs }, lingerMs);
    this.surplusSinceMs = decision.surplus ? (this.surplusSinceMs ?? nowMs) : undefined;
    if (nodes.some(({ heard, leaving }) => heard && !leaving)) this.failures = 0;
    for (const name of decision.lost) {
      log.warn('pool.node.lost', { pool: poolName, node: name, why: 'it was asked for and never heard' });
      this.failed();
      await inTime(pool.release(name), clock, signal);
    }
    if (decision.lost.length > 0) return;
    for (let i = 0; i < decision.grow && !signal.aborted; i++) {
      const name = `pool-${region}-${epoch}-${++this.names}`;
      this.asked.set(name, nowMs);
      log.info('pool.grow', { pool: poolName, node: name, why: decision.why });
      await inTime(pool.grow(name), clock, signal);
    }
    for (const name of decision.release) {
      log.info('pool.shrink', { pool: poolName, node: name, why: decision.why });
      // Nothing is there yet that could be drained. One that has only fallen silent may be serving.
      if (!this.heardOnce.has(name)) {
        await inTime(pool.release(name), clock, signal);
        continue;
      }
      this.leaving.add(name);
      this.departures = Promise.all([this.departures, this.sendAway(name, signal)]);
    }
  }

  private seen({ name, state }: PoolNode, beat: Beat | undefined, nowMs: number): NodeSeen {
    // The time to be heard in begins when the pool has begun.
    if (!this.asked.has(name) || state === 'queued') this.asked.set(name, nowMs);
    if (beat) this.heardOnce.add(name);
    return {
      name,
      state,
      heard: beat !== undefined,
      ageMs: nowMs - (this.asked.get(name) ?? nowMs),
      inFlight: beat?.replicas.reduce((sum, { inFlight }) => sum + inFlight, 0) ?? 0,
      replicas: beat?.replicas.length ?? 0,
      leaving: this.leaving.has(name),
    };
  }

  /** The end of a leader leaves the rest to the next one: a node that is only cordoned goes on serving. */
  private async sendAway(name: string, signal: AbortSignal): Promise<void> {
    const { pool, bus, clock, log } = this.parts;
    try {
      await bus.request(subjects.shardControl(name, 'cordon'), CordonReply, {}, { timeoutMs: SHARD_ASK_MS });
      const untilMs = clock.monotonicMs() + MOVE_MS_MAX;
      while (this.stuck(name).length > 0 && clock.monotonicMs() < untilMs)
        await clock.sleep(LOOK_EVERY_MS, signal);
      const stuck = this.stuck(name);
      if (stuck.length > 0) log.warn('pool.node.stuck', { node: name, replicas: stuck });
      await bus.request(subjects.shardControl(name, 'drain'), DrainReply, {}, { timeoutMs: SHARD_ASK_MS });
      await inTime(pool.release(name), clock, signal);
      log.info('pool.node.gone', { node: name });
    } catch (error) {
      log.warn('pool.shrink.failed', { node: name, ...errorFields(error) });
    } finally {
      this.leaving.delete(name);
      this.asked.delete(name);
      this.heardOnce.delete(name);
    }
  }

  /** Replicas that serve here and that nobody else of the region has ready. */
  private stuck(name: string): string[] {
    const { pool, shards } = this.parts;
    const beats = shards(pool.shape.region);
    const ready = new Set(
      beats
        .filter(({ shard, cordoned }) => shard !== name && !cordoned)
        .flatMap(({ replicas }) => replicas.filter(({ state }) => state === 'ready'))
        .map(({ version }) => version),
    );
    const held = beats.find(({ shard }) => shard === name)?.replicas ?? [];
    return held.filter(({ state, version }) => state === 'ready' && !ready.has(version)).map(({ id }) => id);
  }

  private failed(): void {
    this.failures++;
    const pauseMs = Math.min(PAUSE_MS_MAX, PAUSE_FIRST_MS * 2 ** (this.failures - 1));
    this.pauseUntilMs = this.parts.clock.monotonicMs() + pauseMs;
  }
}

/** A pool that does not answer is left to itself; so is one that is asked when the keeper ends. */
async function inTime<T>(work: Promise<T>, clock: Clock, signal: AbortSignal): Promise<T> {
  const over = new AbortController();
  const late = clock.sleep(ASK_MS_MAX, AbortSignal.any([over.signal, signal])).then(() => {
    throw new Error(`the pool did not answer within ${ASK_MS_MAX / 1_000} s`);
  });
  late.catch(() => undefined); // ended by `over`
  work.catch(() => undefined); // it may fail when nobody waits for it any more
  try {
    return await Promise.race([work, late]);
  } finally {
    over.abort();
  }
}
