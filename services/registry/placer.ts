// Keeps every wanted version on its shards: watches endpoints, heartbeats and Consul, asks `place` what should lie where, and
// writes the records that differ. One registry of the mesh leads and runs this; its records carry the epoch of its lease, and
// once a later epoch has written, an earlier one cannot.
import { keys } from '../../contracts/buckets.js';
import { Failure } from '../../contracts/errors.js';
import type { Digest } from '../../contracts/names.js';
import { type EndpointRecord, type PlacementRecord, placementPart } from '../../contracts/registry.js';
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
  readonly scaled?: Pick<Scaled, 'replicasOf' | 'revision' | 'changedSince'> | undefined;
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

interface Known {
  readonly asOf: string;
  readonly all: readonly EndpointRecord[];
  readonly byPolicy: boolean;
  readonly pinned: boolean;
}

/** What the last look decided about; as long as all of it is the same there is nothing to decide. */
interface Decided {
  /** All but the autoscaler's words and the records themselves. */
  readonly besides: string;
  readonly scaledAs: number;
  /** Of the records. */
  readonly revision: number;
  readonly all: readonly EndpointRecord[];
  readonly unplaced: number;
}

export class Placer {
  private readonly census = new Census();
  private readonly wake: Wake;
  private startedMs = 0;
  private settled = false;
  private decided: Decided | undefined;
  private known: Known | undefined;
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
        this.decided = undefined;
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
    const scaledAs = scaled?.revision ?? 0;
    const { all, byPolicy, pinned } = this.wanted(`${revision} ${scaledAs}`, endpoints);
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
    const ready = byPolicy || pinned ? shards.map((shard) => [...shard.ready].sort().join()).join(' ') : '';
    const besides = [this.plans.revision, things, ready].join(' ');
    const before = placement.revision;
    const { decided } = this;
    const isNewToUs = decided?.besides !== besides || decided.revision !== before;
    if (!isNewToUs && decided.scaledAs === scaledAs) return;
    const fromMs = clock.monotonicMs();
    // Who could not be placed may have room now.
    const words = isNewToUs || decided.unplaced > 0 ? undefined : scaled?.changedSince(decided.scaledAs);
    const only = words && versionsOf([...(decided?.all ?? []), ...all].filter(({ name }) => words.has(name)));
    const lookedAt = only ? all.filter(({ variants }) => variants.some((one) => only.has(one.version))) : all;
    const placing = place(lookedAt, shards, current, memoryOf, {
      ...this.plans.rules({ shards, current }),
      fixedOf: (endpoint, region) => scaled?.replicasOf(endpoint, region),
      only,
    });
    this.decidedInMs = clock.monotonicMs() - fromMs;
    const written = await this.write(placing, epoch, signal);
    const missing = placing.unplaced.length;
    unplaced(missing);
    // Our own records are no news; what another wrote meanwhile is.
    this.decided = { besides, scaledAs, revision: before + written, all, unplaced: missing };
  }

  /** Listed anew when anything of them changed. */
  private wanted(asOf: string, endpoints: Wanting['endpoints']): Known {
    if (this.known?.asOf === asOf) return this.known;
    const all = endpoints();
    const byPolicy = all.some((endpoint) => endpoint.placement);
    this.known = { asOf, all, byPolicy, pinned: all.some(({ pins }) => pins) };
    return this.known;
  }

  /** From the first record with our epoch on, nobody with an earlier one can write, whatever they decided before. */
  private async claim(epoch: number): Promise<void> {
    const { placement, state } = this.parts;
    await placement.transact(() => {
      state.fence(epoch);
      const { any } = state;
      if (!any || state.epoch === epoch) return { result: undefined };
      const key = keys.placement(any.shard, any.part);
      return { change: { key, value: { ...any, epoch } }, result: undefined };
    });
  }

  /** A new leader has heard nobody yet: to place now would move everything that a shard has not had time to report. */
  private ready(): boolean {
    if (this.settled) return true;
    const placements = [...this.parts.state.placements()];
    const silent = placements.some(([shard, held]) => held.length > 0 && !this.census.has(shard));
    this.settled = !silent || this.parts.clock.monotonicMs() - this.startedMs >= GONE_MS;
    return this.settled;
  }

  /** How many records it wrote. */
  private async write({ placements }: Placing, epoch: number, signal: AbortSignal): Promise<number> {
    const { placement, state, log } = this.parts;
    let written = 0;
    // First what comes: nobody waits for a shard that is gone to hold nothing.
    for (const [shard, versions] of [...placements].sort(([, a], [, b]) => b.length - a.length)) {
      const before = state.of(shard);
      if (versions === before) continue;
      const [comes, goes] = [without(versions, before), without(before, versions)];
      if (comes.length + goes.length === 0) continue;
      // After the loss of the bucket what it still has, of which no record is, leaves first.
      const strays = before.length > 0 ? [] : this.census.versionsOn(shard).map(placementPart);
      const lost = strays.filter((part) => !state.has(shard, part));
      const changed = [...comes, ...goes].map(({ version }) => placementPart(version));
      for (const part of new Set([...lost, ...changed])) {
        if (signal.aborted) return written;
        const mine = versions.filter(({ version }) => placementPart(version) === part);
        const value: PlacementRecord = { shard, part, epoch, versions: mine };
        await placement.transact(() => {
          state.fence(epoch);
          return { change: { key: keys.placement(shard, part), value }, result: undefined };
        });
        written++;
      }
      log.info('placement.changed', { shard, epoch, versions: versions.length });
      this.moves.moved(shard, comes, goes);
    }
    return written;
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

const versionsOf = (endpoints: readonly EndpointRecord[]): ReadonlySet<Digest> =>
  new Set(endpoints.flatMap(({ variants }) => variants.map(({ version }) => version)));

function without(all: readonly PlacedVersion[], those: readonly PlacedVersion[]): PlacedVersion[] {
  const known = new Set(those.map(({ version }) => version));
  return all.filter(({ version }) => !known.has(version));
}
