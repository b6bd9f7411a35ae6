// Keeps a pool as the schedule wants it: asks for nodes, gives up those that never come, and sends away what is too much: cordon, wait
// until what it holds is ready elsewhere, drain, gone; a job is asked to save and leave. Runs while its autoscaler leads.
import { subjects } from '../../../contracts/subjects.js';
import { DrainReply, CordonReply } from '../../../contracts/shard.js';
import type { Bus } from '../../mesh/bus.js';
import type { Clock } from '../../mesh/clock.js';
import { errorFields, type Log } from '../../mesh/log.js';
import type { Beat } from '../load-book.js';
import { type ComputePool, jobNode, jobOfNode, type NodeJob, shardNode } from './compute-pool.js';
import { decideNodes, LINGER_MS, type NodeSeen, START_MS_MAX } from './decide-nodes.js';
import { NodeBook } from './node-book.js';

/** What a pool is to have. */
export interface PoolPlan {
  readonly shards: number;
  /** `begun`: somebody works on it, or has. */
  readonly jobs: readonly (NodeJob & { readonly begun: boolean })[];
}

/** What a pool has, as its keeper saw it last. */
export interface PoolSight {
  readonly nodes: readonly NodeSeen[];
  /** Ids of jobs that have a node, those that were asked to leave it aside. */
  readonly jobs: readonly string[];
  readonly startMs: number | undefined;
  /** What failed lately; undefined when nothing did. */
  readonly trouble: string | undefined;
  /** False for a while after that: nothing new is asked of it. */
  readonly open: boolean;
}

export interface PoolKeeperParts {
  readonly pool: ComputePool;
  readonly bus: Bus;
  /** Shards of the region that were heard lately. */
  readonly shards: (region: string) => readonly Beat[];
  /** Undefined while it is not known: then nothing is asked for and nothing sent away. */
  readonly plan: () => PoolPlan | undefined;
  /** Whether one node more may be paid for, with all that is there now, whatever it is for. */
  readonly affords: (pricePerHour: number) => boolean;
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
  private readonly book: NodeBook;
  private surplusSinceMs: number | undefined;
  private failures = 0;
  private arrivals = 0;
  private pauseUntilMs = 0;
  private names = 0;
  private departures: Promise<unknown> = Promise.resolve();
  private trouble: string | undefined;

  constructor(private readonly parts: PoolKeeperParts) {
    this.book = new NodeBook(parts.pool.shape, parts.clock);
  }

  get shape(): ComputePool['shape'] {
    return this.parts.pool.shape;
  }

  /** Undefined before the pool has answered once. */
  sight(): PoolSight | undefined {
    const { nodes, startMs } = this.book;
    if (!nodes) return undefined;
    const { pool, clock } = this.parts;
    const open = this.pauseUntilMs <= clock.monotonicMs();
    const jobs = nodes.flatMap(({ name, leaving }) => (leaving ? [] : (jobOfNode(pool.shape, name) ?? [])));
    return { nodes, jobs, startMs, trouble: this.failures > 0 ? this.trouble : undefined, open };
  }

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
        this.failed(error instanceof Error ? error.message : String(error));
      }
      await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
    }
    await this.departures;
  }

  private async look(epoch: number, signal: AbortSignal): Promise<void> {
    const { pool, shards, plan, clock } = this.parts;
    const there = await inTime(pool.nodes(), clock, signal);
    const nodes = this.book.take(there, new Map(shards(pool.shape.region).map((beat) => [beat.shard, beat])));
    // What was there before says nothing of the next start.
    if (this.book.arrivals > this.arrivals) this.failures = 0;
    this.arrivals = this.book.arrivals;
    const wanted = plan();
    if (wanted === undefined) return;
    const ofJobs = nodes.filter(({ name }) => jobOfNode(pool.shape, name) !== undefined);
    const ofShards = nodes.filter((node) => !ofJobs.includes(node));
    const jobs = await this.keepJobs(wanted.jobs, ofJobs, ofShards.length, signal);
    await this.keepShards({ wanted: wanted.shards, nodes: ofShards, jobs, epoch }, signal);
  }

  private async keepShards(
    { wanted, nodes, jobs, epoch }: { wanted: number; nodes: NodeSeen[]; jobs: number; epoch: number },
    signal: AbortSignal,
  ): Promise<void> {
    const { pool, clock, log, affords, lingerMs = LINGER_MS } = this.parts;
    const { nodesMax, name: poolName, pricePerHour } = pool.shape;
    const nowMs = clock.monotonicMs();
    const surplusMs = this.surplusSinceMs === undefined ? undefined : nowMs - this.surplusSinceMs;
    const pauseMs = this.pauseUntilMs - nowMs;
    const decision = decideNodes({ wanted, nodes, nodesMax, jobs, surplusMs, pauseMs }, lingerMs);
    this.surplusSinceMs = decision.surplus ? (this.surplusSinceMs ?? nowMs) : undefined;
    for (const name of decision.lost) {
      const why = 'it was asked for and never heard';
      log.warn('pool.node.lost', { pool: poolName, node: name, why });
      this.failed(`${name}: ${why}`);
      await inTime(pool.release(name), clock, signal);
    }
    if (decision.lost.length > 0) return;
    for (let i = 0; i < decision.grow && !signal.aborted && affords(pricePerHour); i++) {
      const name = shardNode(pool.shape, epoch, ++this.names);
      this.book.ask(name);
      log.info('pool.grow', { pool: poolName, node: name, why: decision.why });
      await inTime(pool.grow(name), clock, signal);
    }
    for (const name of decision.release) {
      log.info('pool.shrink', { pool: poolName, node: name, why: decision.why });
      // Nothing is there yet that could be drained. One that has only fallen silent may be serving.
      if (!this.book.wasHeard(name)) {
        await inTime(pool.release(name), clock, signal);
        continue;
      }
      this.book.leaving.add(name);
      this.departures = Promise.all([this.departures, this.sendAway(name, signal)]);
    }
  }

  /** A node for each job of the plan, and none for another: it saves what it has, and is gone. Says how many places jobs take. */
  private async keepJobs(
    wanted: PoolPlan['jobs'],
    nodes: readonly NodeSeen[],
    shards: number,
    signal: AbortSignal,
  ): Promise<number> {
    const { pool, clock, log, affords } = this.parts;
    const { nodesMax, name: poolName, pricePerHour } = pool.shape;
    const names = new Set(wanted.map(({ id }) => jobNode(pool.shape, id)));
    for (const { name, leaving } of nodes) {
      if (leaving || names.has(name)) continue;
      log.info('pool.job.sent-away', { pool: poolName, node: name });
      this.book.leaving.add(name);
      this.departures = Promise.all([this.departures, this.release(name, signal)]);
    }
    for (const { name, state, ageMs, leaving } of nodes) {
      const job = wanted.find(({ id }) => name === jobNode(pool.shape, id));
      if (!job || job.begun || leaving || state === 'queued' || ageMs <= START_MS_MAX) continue;
      const why = 'its job was never begun';
      log.warn('pool.node.lost', { pool: poolName, node: name, why });
      this.failed(`${name}: ${why}`);
      this.book.leaving.add(name);
      this.departures = Promise.all([this.departures, this.release(name, signal)]);
    }
    let taken = nodes.length;
    for (const job of wanted) {
      const name = jobNode(pool.shape, job.id);
      if (nodes.some((node) => node.name === name)) continue;
      if (shards + taken >= nodesMax || this.pauseUntilMs > clock.monotonicMs()) break;
      if (signal.aborted || !affords(pricePerHour)) break;
      log.info('pool.job.placed', { pool: poolName, node: name, job: job.id });
      this.book.ask(name);
      await inTime(pool.grow(name, { id: job.id, kind: job.kind }), clock, signal);
      this.failures = 0;
      taken++;
    }
    return taken;
  }

  private async release(name: string, signal: AbortSignal): Promise<void> {
    const { pool, clock, log } = this.parts;
    try {
      await inTime(pool.release(name), clock, signal);
      log.info('pool.node.gone', { node: name });
    } catch (error) {
      log.warn('pool.shrink.failed', { node: name, ...errorFields(error) });
    } finally {
      this.book.leaving.delete(name);
    }
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
      this.book.leaving.delete(name);
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

  private failed(why: string): void {
    this.trouble = why.slice(0, 300);
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
