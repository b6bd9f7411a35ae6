// Shards for endpoints: one more at a time, to whoever is most urgent, from the cheapest pool that satisfies it. A part of the
// schedule; writes into its ledger.
import type { Ledger } from './ledger.js';
import {
  byPrice,
  type JobDemand,
  type Placed,
  type PoolState,
  poolsFor,
  satisfies,
  type Schedule,
  type SchedulerState,
  type ServingDemand,
} from './state.js';

type Running = Map<string, JobDemand & { readonly pool: string }>;

interface Wish {
  readonly demand: ServingDemand;
  readonly fixed: number;
  /** What nodes cost that it was the first to need. */
  paid: number;
}

export function placeServing(
  state: SchedulerState,
  ledger: Ledger,
  running: Running,
): { short: Schedule['short']; preempted: Placed[] } {
  const preempted: Placed[] = [];
  const short: Schedule['short'][number][] = [];
  let open = state.serving.map((demand): Wish => ({ demand, fixed: fixedFor(demand, state), paid: 0 }));
  for (;;) {
    // A version lies once on a shard, and a shard holds versions of many endpoints: each needs so many suitable shards.
    open = open.filter((wish) => shardsFor(wish, state, ledger) < wish.demand.replicas);
    const next = mostUrgent(open, ledger);
    if (!next) return { short, preempted };
    const got = give(next, state, ledger, running);
    if (typeof got === 'string') {
      const { endpoint, region, replicas } = next.demand;
      const missing = replicas - shardsFor(next, state, ledger);
      short.push({ endpoint, region, missing, why: got });
      open = open.filter((wish) => wish !== next);
    } else {
      next.paid += got.pool.pricePerHour;
      preempted.push(...got.preempted);
    }
  }
}

const fixedFor = ({ region, needs }: ServingDemand, { fixed }: SchedulerState): number =>
  fixed.filter((shard) => shard.region === region && satisfies(shard.device, needs)).length;

function shardsFor({ demand, fixed }: Wish, { pools }: SchedulerState, ledger: Ledger): number {
  const { region, needs } = demand;
  return pools
    .filter((pool) => pool.region === region && satisfies(pool.device, needs))
    .reduce((sum, pool) => sum + ledger.shards(pool), fixed);
}

function mostUrgent(wishes: readonly Wish[], ledger: Ledger): Wish | undefined {
  const share = ({ demand }: Wish): number => ledger.shares.of(demand.tenant);
  return wishes.toSorted(
    (a, b) =>
      b.demand.priority - a.demand.priority ||
      share(a) - share(b) ||
      (a.demand.endpoint < b.demand.endpoint ? -1 : 1),
  )[0];
}

/** A node for one more replica, or the sentence that says why there is none. */
function give(
  { demand, paid }: Wish,
  state: SchedulerState,
  ledger: Ledger,
  running: Running,
): { pool: PoolState; preempted: Placed[] } | string {
  const { budgetPerHour } = demand;
  const suitable = poolsFor(demand, state.pools);
  if (suitable.length === 0) return noPool(demand, state);
  const paysFor = suitable.filter(
    ({ pricePerHour }) =>
      budgetPerHour === undefined || pricePerHour === 0 || paid + pricePerHour <= budgetPerHour,
  );
  if (paysFor.length === 0) return `its budget of ${budgetPerHour} an hour pays for no node more`;
  const free = paysFor.find((pool) => ledger.roomForShard(pool) && ledger.affords(pool.pricePerHour));
  if (free) {
    ledger.addShard(free, demand.tenant);
    return { pool: free, preempted: [] };
  }
  return byPreemption(demand, paysFor, state, ledger, running) ?? full(paysFor, state, ledger);
}

/** In the cheapest pool where jobs have what is missing: its room, or the money for it. */
function byPreemption(
  { endpoint, tenant }: ServingDemand,
  pools: readonly PoolState[],
  state: SchedulerState,
  ledger: Ledger,
  running: Running,
): { pool: PoolState; preempted: Placed[] } | undefined {
  const inUse = new Map(state.pools.map((pool) => [pool.name, pool]));
  for (const pool of pools.filter(({ open }) => open)) {
    const hasRoom = ledger.roomForShard(pool);
    const victims = [...running.values()]
      .filter((job) => (hasRoom ? (inUse.get(job.pool)?.pricePerHour ?? 0) > 0 : job.pool === pool.name))
      .toSorted((a, b) => victimFirst(a, b, ledger));
    const chosen: typeof victims = [];
    let freed = 0;
    for (const job of victims) {
      if (chosen.length > 0 && (!hasRoom || ledger.affords(pool.pricePerHour - freed))) break;
      chosen.push(job);
      freed += inUse.get(job.pool)?.pricePerHour ?? 0;
    }
    if (chosen.length === 0 || !ledger.affords(Math.max(0, pool.pricePerHour - freed))) continue;
    for (const job of chosen) {
      running.delete(job.id);
      const from = inUse.get(job.pool);
      if (from) ledger.addJob(from, job.tenant, -1);
    }
    ledger.addShard(pool, tenant);
    const why = hasRoom
      ? `the budget is spent, and ${endpoint} needs a node of ${pool.name}`
      : `${endpoint} needs its node`;
    return { pool, preempted: chosen.map((job) => ({ id: job.id, pool: job.pool, why })) };
  }
  return undefined;
}

/** Where the budget was made smaller than what runs: jobs give way, shards are not placed in the first place. */
export function stopUnpaid(state: SchedulerState, ledger: Ledger, running: Running): Placed[] {
  const stopped: Placed[] = [];
  const prices = new Map(state.pools.map((pool) => [pool.name, pool]));
  const paid = [...running.values()].filter(({ pool }) => (prices.get(pool)?.pricePerHour ?? 0) > 0);
  for (const job of paid.toSorted((a, b) => victimFirst(a, b, ledger))) {
    if (ledger.withinBudget()) break;
    const pool = prices.get(job.pool);
    if (!pool) continue;
    running.delete(job.id);
    ledger.addJob(pool, job.tenant, -1);
    stopped.push({ id: job.id, pool: job.pool, why: 'the budget for all pools does not pay for its node' });
  }
  return stopped;
}

/** Of the tenant that has most, the least urgent of its own, the one that loses least. */
const victimFirst = (a: JobDemand, b: JobDemand, ledger: Ledger): number =>
  ledger.shares.of(b.tenant) - ledger.shares.of(a.tenant) ||
  (a.tenant === b.tenant ? 0 : a.tenant < b.tenant ? -1 : 1) ||
  a.priority - b.priority ||
  a.ranMs - b.ranMs ||
  (a.id < b.id ? -1 : 1);

function full(pools: readonly PoolState[], { budgetPerHour }: SchedulerState, ledger: Ledger): string {
  if (pools.some((pool) => ledger.roomForShard(pool)))
    return `the budget of ${budgetPerHour} an hour for all pools is spent`;
  const troubled = pools.filter(({ open }) => !open).map(({ name }) => name);
  const names = pools.map(({ name }) => name).join(', ');
  return troubled.length > 0
    ? `${names} give no node more (in trouble: ${troubled.join(', ')})`
    : `${names} have no node left`;
}

function noPool(demand: ServingDemand, { pools }: SchedulerState): string {
  const here = pools.filter(({ region }) => region === demand.region);
  if (here.length === 0) return `no pool lends shards to ${demand.region}`;
  const fits = here.filter(({ device }) => satisfies(device, demand.needs)).toSorted(byPrice);
  return fits.length === 0
    ? 'no pool of the region has the device that it needs'
    : `${fits.map(({ name }) => name).join(', ')} take longer to start than the ${demand.startMsMax} ms it allows`;
}
