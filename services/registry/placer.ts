// Keeps every wanted version on its shards: watches endpoints, heartbeats and Consul, asks `place` what should lie where, and
// writes the records that differ. One registry of the mesh leads and runs this; its records carry the epoch of its lease, and
// once a later epoch has written, an earlier one cannot.
import { keys } from '../../contracts/buckets.js';
import { Failure } from '../../contracts/errors.js';
import type { Digest } from '../../contracts/names.js';
import type { EndpointRecord, PlacementRecord } from '../../contracts/registry.js';
import { wildcards } from '../../contracts/subjects.js';
import { Actor } from '../mesh/actor.js';
import type { Bus } from '../mesh/bus.js';
import type { Clock } from '../mesh/clock.js';
import type { Discovery } from '../mesh/discovery.js';
import { hearBeats } from '../mesh/hear-beats.js';
import { errorFields, type Log } from '../mesh/log.js';
import { Demand, readCalls } from '../mesh/placement/demand.js';
import type { Plan } from '../mesh/placement/planner.js';
import type { MemoryOf, PlacedVersion, ShardView } from '../mesh/placement/shard-view.js';
import type { Random } from '../mesh/random.js';
import type { BucketLog } from '../mesh/bucket-log.js';
import { Census, GONE_MS } from './census.js';
import type { KnownLinks } from './known-links.js';
import { place, type Placing } from './place.js';
import { PolicyPlans } from './policy-plans.js';
import type { Scaled } from './scaled.js';
import type { PlacementState } from './placement-state.js';
import type { TellAudit } from '../mesh/tell-audit.js';
import { ToldMoves } from './told-moves.js';
import { Wake } from '../mesh/calls/wake.js';

export interface Wanting {
  /** As of when they are asked for. */
  readonly endpoints: () => readonly EndpointRecord[];
  readonly memoryOf: MemoryOf;
  /** Of a request and its answer. */
  readonly bytesOf?: (version: Digest) => number;
  /** The same number: nothing of it has changed. */
  readonly revision: number;
}

export interface PlacerParts {
  readonly bus: Bus;
  readonly discovery: Pick<Discovery, 'watchService'>;
  readonly regions: readonly string[];
  readonly placement: BucketLog;
  readonly state: PlacementState;
  /** Endpoints and sizes as they are known here; `anew`: as of now, whoever wrote them. */
  readonly wanting: (anew: boolean) => Promise<Wanting>;
  /** What the autoscaler wants. */
  readonly scaled?: Pick<Scaled, 'replicasOf' | 'revision'> | undefined;
  /** By the placement policies. */
  readonly planning: Plan;
  /** Between regions, as they are now. */
  readonly links?: KnownLinks;
  /** Moves are announced. */
  readonly tell?: TellAudit;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Told after every look. */
  readonly unplaced: (count: number) => void;
}

// Heartbeats, deployments and Consul wake the placer; this look finds shards that fell silent.
const LOOK_EVERY_MS = 500;
// A look among ten thousand endpoints takes some 20 ms; pushes that each ask for one would leave the process no time to take them.
const PACED_FROM_MS = 5;
const PAUSE_MS_MAX = 100;
// Hundreds of records may have to be written after a loss; a look that takes longer hangs.
const LOOK_MS_MAX = 30_000;

export class Placer {
  private readonly census = new Census();
  private readonly wake: Wake;
  private startedMs = 0;
  private settled = false;
  private decidedAbout = '';
  /** When the buckets were asked for what others wrote. */
  private readMs = Number.NEGATIVE_INFINITY;
  /** Of the last look, without what it waited for. */
  private decidedInMs = 0;
  private readonly demand = new Demand();
  private readonly plans: PolicyPlans;
  private readonly moves: ToldMoves;

  constructor(private readonly parts: PlacerParts) {
    this.wake = new Wake(parts.clock);
    const { log, planning, tell = () => undefined, clock } = parts;
    this.moves = new ToldMoves(tell, clock);
    this.plans = new PolicyPlans({ log, planning, changed: () => this.wake.nudge() });
  }

  /** An endpoint changed: look now. */
  nudge(): void {
    this.wake.nudge();
  }

  /**
   * Places until the signal ends it. Rejects with LEASE_LOST when a later leader has written, and with the cause when looking
   * crashes again and again: then another registry should try.
   */
  async run(epoch: number, signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.parts;
    let giveUp: (cause: unknown) => void = () => undefined;
    const crashed = new Promise<never>((_, reject) => (giveUp = reject));
    const actor = new Actor<'look', void>({
      address: 'massif.registry.placer',
      make: () => {
        this.decidedAbout = '';
        this.readMs = Number.NEGATIVE_INFINITY;
        return { receive: () => this.look(epoch, signal) };
      },
      clock,
      random,
      log,
      escalate: (_, cause) => giveUp(cause),
    });
    this.startedMs = clock.monotonicMs();
    const stopListening = this.listen(signal);
    try {
      await Promise.race([this.lookAgainAndAgain(actor, signal), crashed]);
    } finally {
      stopListening();
      await actor.stop();
      this.moves.flush();
    }
  }

  private async lookAgainAndAgain(actor: Actor<'look', void>, signal: AbortSignal): Promise<void> {
    let troubled = false;
    while (!signal.aborted) {
      const mark = this.wake.mark();
      try {
        await actor.ask('look', { timeoutMs: LOOK_MS_MAX });
        troubled = false;
      } catch (error) {
        if (error instanceof Failure && error.code === 'LEASE_LOST') throw error;
        // Without NATS nothing can be written and nothing is known; what was placed stays.
        if (!troubled) this.parts.log.warn('placement.waiting', errorFields(error));
        troubled = true;
      }
      await this.wake.sleep(LOOK_EVERY_MS, mark, signal);
      await this.pause(signal);
    }
  }

  /** What is news meanwhile is seen by the next look. */
  private async pause(signal: AbortSignal): Promise<void> {
    if (this.decidedInMs < PACED_FROM_MS || signal.aborted) return;
    const ms = Math.min(2 * this.decidedInMs, PAUSE_MS_MAX);
    await this.parts.clock.sleep(ms, signal).catch(() => undefined);
  }

  private async look(epoch: number, signal: AbortSignal): Promise<void> {
    const { placement, state, wanting, clock, unplaced } = this.parts;
    this.decidedInMs = 0;
    // A look between two of those goes by what is known: asking is two round trips, which whoever wakes a sleeper would wait for.
    const anew = clock.monotonicMs() - this.readMs >= LOOK_EVERY_MS;
    if (anew) await this.claim(epoch);
    if (!this.ready()) return;
    const { endpoints, memoryOf, bytesOf, revision } = await wanting(anew);
    const nowMs = clock.monotonicMs();
    if (anew) this.readMs = nowMs;
    const shards = this.census.shards(nowMs);
    const { scaled } = this.parts;
    const all = endpoints();
    const scaledAs = scaled?.revision;
    const byPolicy = all.some((endpoint) => endpoint.placement);
    const things = [revision, ...shards.map(aboutShard)].join(' ');
    const current = state.placements();
    if (byPolicy && this.plans.due(things, nowMs)) {
      const ratePerS = (name: string, region: string): number => this.demand.ratePerS(name, region, nowMs);
      const links = this.parts.links?.links() ?? [];
      void this.parts.links?.refresh();
      const planned = this.plans.plan(
        { endpoints: all, shards, current, memoryOf, bytesOf, links, ratePerS },
        things,
        nowMs,
        signal,
      );
      // An endpoint that no plan speaks of yet would be placed everywhere, only to be moved. All others stay where they are meanwhile.
      if (all.some(({ name, placement: by }) => by && !this.plans.knows(name))) await planned;
    }
    // With ten thousand endpoints on a thousand shards a look in vain would cost a fifth of a second.
    const ready =
      byPolicy || all.some(({ pins }) => pins)
        ? shards.map((shard) => [...shard.ready].sort().join()).join(' ')
        : '';
    const about = [placement.revision, this.plans.revision, scaledAs, things, ready].join(' ');
    if (about === this.decidedAbout) return;
    const fromMs = clock.monotonicMs();
    const placing = place(all, shards, current, memoryOf, {
      ...this.plans.rules({ shards, current }),
      fixedOf: (endpoint, region) => scaled?.replicasOf(endpoint, region),
    });
    this.decidedInMs = clock.monotonicMs() - fromMs;
    await this.write(placing, epoch, signal);
    unplaced(placing.unplaced.length);
    this.decidedAbout = about;
  }

  /** From the first record with our epoch on, nobody with an earlier one can write, whatever they decided before. */
  private async claim(epoch: number): Promise<void> {
    const { placement, state } = this.parts;
    await placement.transact(() => {
      state.fence(epoch);
      const records = state.records();
      const [first] = records;
      if (!first || records.some((record) => record.epoch === epoch)) return { result: undefined };
      return { change: { key: keys.placement(first.shard), value: { ...first, epoch } }, result: undefined };
    });
  }

  /** A new leader has heard nobody yet: to place now would move everything that a shard has not had time to report. */
  private ready(): boolean {
    if (this.settled) return true;
    const silent = this.parts.state
      .records()
      .some(({ shard, versions }) => versions.length > 0 && !this.census.has(shard));
    this.settled = !silent || this.parts.clock.monotonicMs() - this.startedMs >= GONE_MS;
    return this.settled;
  }

  private async write({ placements }: Placing, epoch: number, signal: AbortSignal): Promise<void> {
    const { placement, state, log } = this.parts;
    for (const [shard, versions] of placements) {
      if (signal.aborted) return;
      const before = state.of(shard)?.versions ?? [];
      if (sameVersions(before, versions)) continue;
      const value: PlacementRecord = { shard, epoch, versions: [...versions] };
      await placement.transact(() => {
        state.fence(epoch);
        return { change: { key: keys.placement(shard), value }, result: undefined };
      });
      log.info('placement.changed', { shard, epoch, versions: versions.length });
      this.moves.moved(shard, before, versions);
    }
  }

  private listen(signal: AbortSignal): () => void {
    const { bus, discovery, regions, clock, log } = this.parts;
    const deafen = hearBeats(bus, log, (beat) => {
      if (this.census.heard(beat, clock.monotonicMs())) this.wake.nudge();
    });
    for (const region of regions)
      discovery.watchService(
        'shard',
        region,
        (instances) => {
          const passing = instances.filter((instance) => instance.passing);
          this.census.consulLists(
            region,
            passing.map(({ id, meta }) => meta['instance'] ?? id),
          );
          this.wake.nudge();
        },
        signal,
      );
    const calls = bus.nc.subscribe(wildcards.evidence(), {
      callback: (error, message) => {
        if (error) return log.error('subscription.failed', errorFields(error));
        const report = readCalls(message.string());
        if (report) this.demand.heard(report, clock.monotonicMs());
      },
    });
    return () => {
      deafen();
      calls.unsubscribe();
    };
  }
}

const aboutShard = ({ id, state, device }: ShardView): string => `${id}:${state}:${JSON.stringify(device)}`;

/** Both lists are sorted by version. */
const sameVersions = (a: readonly PlacedVersion[], b: readonly PlacedVersion[]): boolean =>
  a.length === b.length && a.every(({ version }, index) => version === b[index]?.version);
