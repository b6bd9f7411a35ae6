// Looks twice a second, while its autoscaler leads, at what pools have, endpoints want and jobs wait for; makes the schedule; tells the
// pools' keepers; and writes it down, fenced by the epoch. What it does not know it does not act on: the last plan stays.
import { deviceClassOf } from '../../../contracts/placement.js';
import { keys } from '../../../contracts/buckets.js';
import type { Preemption, ScheduleRecord, ScheduledJob } from '../../../contracts/scheduling.js';
import type { BucketLog } from '../../mesh/bucket-log.js';
import type { Clock } from '../../mesh/clock.js';
import { errorFields, type Log } from '../../mesh/log.js';
import { toFailure } from '../../../contracts/errors.js';
import type { Beat } from '../load-book.js';
import { jobOfNode } from '../pools/compute-pool.js';
import type { PoolKeeper, PoolPlan, PoolSight } from '../pools/pool-keeper.js';
import { type Affordable, affordable } from './affordable.js';
import type { JobsKnown, KnownJob } from './jobs-known.js';
import { schedule } from './schedule.js';
import type { ScheduleState } from './schedule-state.js';
import type { FixedShard, JobDemand, PoolState, Schedule, SchedulerState, ServingDemand } from './state.js';

export interface SchedulerParts {
  readonly instance: string;
  readonly keepers: readonly PoolKeeper[];
  readonly jobs: Pick<JobsKnown, 'open'>;
  /** Shards of a region that were heard lately. */
  readonly shards: (region: string) => readonly Beat[];
  /** What endpoints want now; undefined for a region of which no shard was ever heard. */
  readonly serving: (region: string) => readonly ServingDemand[] | undefined;
  readonly budgetPerHour: number | undefined;
  readonly written: BucketLog;
  readonly state: ScheduleState;
  readonly clock: Clock;
  readonly log: Log;
}

const LOOK_EVERY_MS = 500;
const PREEMPTIONS_KEPT = 20;

interface Sighted {
  readonly keeper: PoolKeeper;
  readonly sight: PoolSight;
}

export class Scheduler {
  private readonly plans = new Map<string, PoolPlan>();
  private readonly placedMs = new Map<string, number>();
  private preemptions: Preemption[] = [];
  private sentAway: ReadonlySet<string> = new Set();
  private told = '';

  constructor(private readonly parts: SchedulerParts) {}

  /** Undefined before the first schedule of this term. */
  planOf(pool: string): PoolPlan | undefined {
    return this.plans.get(pool);
  }

  /** With everything that is there now, whatever it is for. */
  affords(pricePerHour: number): boolean {
    const { keepers, budgetPerHour } = this.parts;
    if (budgetPerHour === undefined || pricePerHour === 0) return true;
    return this.spent(keepers) + pricePerHour <= budgetPerHour + 1e-9;
  }

  /** What the budget of one endpoint pays for. */
  affordable(demand: Omit<ServingDemand, 'replicas'>, budgetPerHour: number): Affordable {
    const pools = this.parts.keepers.map((keeper) => this.poolState(keeper, keeper.sight()));
    return affordable(demand, budgetPerHour, { pools, fixed: this.fixed([demand.region]) });
  }

  async run(epoch: number, signal: AbortSignal): Promise<void> {
    const { clock, log, state } = this.parts;
    this.plans.clear();
    this.preemptions = [...(state.last?.preemptions ?? [])];
    let troubled = false;
    while (!signal.aborted) {
      try {
        await this.look(epoch);
        troubled = false;
      } catch (error) {
        if (toFailure(error).code === 'LEASE_LOST') throw error;
        if (!troubled) log.warn('schedule.waiting', errorFields(error));
        troubled = true;
      }
      await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
    }
    this.plans.clear();
  }

  private async look(epoch: number): Promise<void> {
    const { keepers, jobs, clock } = this.parts;
    const sighted = keepers.flatMap((keeper): Sighted[] => {
      const sight = keeper.sight();
      return sight ? [{ keeper, sight }] : [];
    });
    // A job that runs in a pool which has not answered yet would be begun a second time elsewhere.
    if (sighted.length < keepers.length) return;
    const known = jobs.open();
    const saving = new Set(sighted.flatMap(({ keeper, sight }) => leavingJobs(keeper, sight)));
    const regions = [...new Set(keepers.map(({ shape }) => shape.region))];
    const seen: SchedulerState = {
      pools: sighted.map(({ keeper, sight }) => this.poolState(keeper, sight)),
      fixed: this.fixed(regions),
      serving: regions.flatMap((region) => this.parts.serving(region) ?? []),
      jobs: known.filter(({ id }) => !saving.has(id)).map((job) => this.demandOf(job, sighted)),
      budgetPerHour: this.parts.budgetPerHour,
    };
    const made = schedule(seen);
    const nowMs = clock.monotonicMs();
    for (const id of this.placedMs.keys()) if (!known.some((job) => job.id === id)) this.placedMs.delete(id);
    for (const { id } of made.jobs) if (!this.placedMs.has(id)) this.placedMs.set(id, nowMs);
    for (const { id } of made.waiting) this.placedMs.delete(id);
    this.remember(made);
    this.plan(made, known, sighted);
    await this.write(made, known, sighted, saving, epoch);
  }

  private poolState({ shape }: PoolKeeper, sight: PoolSight | undefined): PoolState {
    const { name, region, device, nodesMax, pricePerHour, takesJobs } = shape;
    return {
      name,
      region,
      device,
      nodesMax,
      pricePerHour,
      takesJobs,
      startMs: sight?.startMs,
      open: sight?.open ?? true,
      shards: sight ? shardsIn(shape, sight) : 0,
    };
  }

  private fixed(regions: readonly string[]): FixedShard[] {
    const mine = new Set(
      this.parts.keepers.flatMap((keeper) => keeper.sight()?.nodes ?? []).map(({ name }) => name),
    );
    return regions.flatMap((region) =>
      this.parts
        .shards(region)
        .filter(({ shard, state }) => !mine.has(shard) && state !== 'draining')
        .map(({ device: { kind, memoryBytes } }) => ({
          region,
          device: { kind: deviceClassOf(kind), count: 1, memoryBytes },
        })),
    );
  }

  private demandOf({ id, kind, terms, changedAt }: KnownJob, sighted: readonly Sighted[]): JobDemand {
    const { clock } = this.parts;
    const at = sighted.find(({ sight }) => sight.jobs.includes(id));
    const placedMs = this.placedMs.get(id);
    return {
      id,
      kind,
      ...terms,
      ...(at && { pool: at.keeper.shape.name }),
      ranMs: at && placedMs !== undefined ? clock.monotonicMs() - placedMs : 0,
      // Of one that lost its node: since its last sign of life.
      waitedMs: at ? 0 : Math.max(0, clock.now() - changedAt),
    };
  }

  private plan(made: Schedule, known: readonly KnownJob[], sighted: readonly Sighted[]): void {
    const { serving } = this.parts;
    for (const { keeper, sight } of sighted) {
      const { name, region } = keeper.shape;
      const here = new Set(made.jobs.flatMap(({ id, pool }) => (pool === name ? [id] : [])));
      // Where no shard was ever heard nothing is known to be too much or too little.
      const shards = serving(region) === undefined ? shardsIn(keeper.shape, sight) : (made.shards[name] ?? 0);
      this.plans.set(name, { shards, jobs: known.filter(({ id }) => here.has(id)) });
    }
  }

  private remember(made: Schedule): void {
    const { clock, log } = this.parts;
    // A job is told to leave once; until its node is seen to be leaving, the schedule comes to the same again.
    const news = made.preempted.filter(({ id }) => !this.sentAway.has(id));
    this.sentAway = new Set(made.preempted.map(({ id }) => id));
    for (const { id: job, pool, why } of news) {
      log.info('schedule.preempted', { job, pool, why });
      this.preemptions.push({ job, pool, why, at: new Date(clock.now()).toISOString() });
    }
    this.preemptions = this.preemptions.slice(-PREEMPTIONS_KEPT);
  }

  /** Only what has changed, and only for the leader. */
  private async write(
    made: Schedule,
    known: readonly KnownJob[],
    sighted: readonly Sighted[],
    saving: ReadonlySet<string>,
    epoch: number,
  ): Promise<void> {
    const { instance, budgetPerHour, written, state, clock } = this.parts;
    const told = {
      pools: sighted.map(({ keeper, sight }) => viewOf(keeper, sight, made)),
      jobs: known.slice(0, 1_000).map((job) => scheduled(job, made, saving)),
      preemptions: this.preemptions,
      short: [...made.short].slice(0, 1_000),
      spending: {
        perHour: this.spent(this.parts.keepers),
        ...(budgetPerHour !== undefined && { budgetPerHour }),
      },
    };
    const text = `${epoch} ${JSON.stringify(told)}`;
    if (text === this.told) return;
    const value: ScheduleRecord = { epoch, instance, at: new Date(clock.now()).toISOString(), ...told };
    await written.transact(() => {
      state.fence(epoch);
      return { change: { key: keys.schedule(), value }, result: undefined };
    });
    this.told = text;
  }

  private spent(keepers: readonly PoolKeeper[]): number {
    return keepers.reduce(
      (sum, keeper) => sum + (keeper.sight()?.nodes.length ?? 0) * keeper.shape.pricePerHour,
      0,
    );
  }
}

const leavingJobs = ({ shape }: PoolKeeper, { nodes }: PoolSight): string[] =>
  nodes.flatMap(({ name, leaving }) => (leaving ? (jobOfNode(shape, name) ?? []) : []));

const shardsIn = (shape: PoolKeeper['shape'], { nodes }: PoolSight): number =>
  nodes.filter(({ name, leaving }) => !leaving && jobOfNode(shape, name) === undefined).length;

function viewOf({ shape }: PoolKeeper, sight: PoolSight, made: Schedule): ScheduleRecord['pools'][number] {
  const { name, kind, region, device, pricePerHour, nodesMax } = shape;
  const jobs = sight.nodes.filter((node) => jobOfNode(shape, node.name) !== undefined).length;
  return {
    name,
    kind,
    region,
    device,
    pricePerHour,
    nodesMax,
    jobs,
    shards: sight.nodes.length - jobs,
    wanted: made.shards[name] ?? 0,
    ...(sight.startMs !== undefined && { startMs: Math.round(sight.startMs) }),
    ...(sight.trouble !== undefined && { trouble: sight.trouble }),
  };
}

function scheduled(
  { id, kind, model, terms }: KnownJob,
  made: Schedule,
  saving: ReadonlySet<string>,
): ScheduledJob {
  const { tenant, priority } = terms;
  const base = { id, kind, model, tenant, priority };
  if (saving.has(id)) return { ...base, state: 'waiting', why: 'it saves what it has, and leaves its node' };
  const placed = made.jobs.find((job) => job.id === id);
  if (placed) return { ...base, state: 'placed', pool: placed.pool, why: placed.why };
  const why = made.waiting.find((job) => job.id === id)?.why ?? 'it was not looked at yet';
  return { ...base, state: 'waiting', why };
}
