// Nodes for jobs, from what serving leaves: dominant resource fairness between tenants, urgency within each, and an end to every wait.
// A part of the schedule; writes into its ledger.
import type { Ledger } from './ledger.js';
import {
  byPrice,
  type JobDemand,
  type Placed,
  type PoolState,
  satisfies,
  type Schedule,
  type SchedulerState,
} from './state.js';

type Waiting = Schedule['waiting'][number];

/** A job that waits is one step more urgent after each of these: nothing of its own tenant passes it for ever. */
export const AGE_MS = 10 * 60_000;
/** Who waits so long keeps the pools it could use from being filled by those behind it. */
export const RESERVE_MS = 2 * 60_000;
/** Of tenants that want more than there is each has its turn, so long at least. */
export const TURN_MS = 10 * 60_000;

const poolsOf = ({ needs }: JobDemand, { pools }: SchedulerState): PoolState[] =>
  pools.filter((pool) => pool.takesJobs && satisfies(pool.device, needs)).toSorted(byPrice);

export function placeJobs(
  jobs: readonly JobDemand[],
  state: SchedulerState,
  ledger: Ledger,
): { placed: Placed[]; waiting: Waiting[] } {
  const placed: Placed[] = [];
  const waiting: Waiting[] = [];
  const reserved = new Set<string>();
  const queues = new Map<string, JobDemand[]>();
  for (const job of jobs.toSorted(moreUrgent))
    queues.set(job.tenant, [...(queues.get(job.tenant) ?? []), job]);
  for (;;) {
    const [next] = [...queues].toSorted(
      ([a], [b]) => ledger.shares.of(a) - ledger.shares.of(b) || (a < b ? -1 : 1),
    );
    if (!next) return { placed, waiting };
    const [tenant, queue] = next;
    const job = queue.shift();
    if (!job) {
      queues.delete(tenant);
      continue;
    }
    const suitable = poolsOf(job, state);
    const free = suitable.find(
      (pool) => !reserved.has(pool.name) && ledger.roomForJob(pool) && ledger.affords(pool.pricePerHour),
    );
    if (free) {
      ledger.addJob(free, tenant);
      placed.push({ id: job.id, pool: free.name, why: chosenWhy(free, suitable, ledger, tenant) });
    } else {
      waiting.push({ id: job.id, why: waitsFor(suitable, state, ledger) });
      if (job.waitedMs >= RESERVE_MS) for (const { name } of suitable) reserved.add(name);
    }
  }
}

/** Where all run for long, one at a look gives its place to a tenant that has less and has waited for a turn. */
export function takeTurns(
  waiting: readonly Waiting[],
  running: Map<string, JobDemand & { readonly pool: string }>,
  state: SchedulerState,
  ledger: Ledger,
): { placed: Placed[]; preempted: Placed[]; waiting: readonly Waiting[] } {
  const jobs = new Map(state.jobs.map((job) => [job.id, job]));
  for (const { id } of waiting) {
    const job = jobs.get(id);
    if (!job || job.waitedMs < TURN_MS) continue;
    for (const pool of poolsOf(job, state)) {
      const after = ledger.shares.of(job.tenant, pool.device);
      const [victim] = [...running.values()]
        .filter(
          (other) =>
            other.pool === pool.name &&
            other.ranMs >= TURN_MS &&
            other.tenant !== job.tenant &&
            after <= ledger.shares.of(other.tenant),
        )
        .toSorted((a, b) => ledger.shares.of(b.tenant) - ledger.shares.of(a.tenant) || b.ranMs - a.ranMs);
      if (!victim) continue;
      running.delete(victim.id);
      ledger.addJob(pool, victim.tenant, -1);
      ledger.addJob(pool, job.tenant);
      const gives = `${victim.tenant} has had its turn, ${job.tenant} has less and waited`;
      return {
        placed: [{ id, pool: pool.name, why: `it is the turn of ${job.tenant}` }],
        preempted: [{ id: victim.id, pool: pool.name, why: gives }],
        waiting: [...waiting.filter((one) => one.id !== id), { id: victim.id, why: gives }],
      };
    }
  }
  return { placed: [], preempted: [], waiting };
}

/** Its own word, and a step more for each stretch that it has waited. */
const urgency = ({ priority, waitedMs }: JobDemand): number => priority + Math.floor(waitedMs / AGE_MS);

const moreUrgent = (a: JobDemand, b: JobDemand): number =>
  urgency(b) - urgency(a) || b.waitedMs - a.waitedMs || (a.id < b.id ? -1 : 1);

function chosenWhy(pool: PoolState, suitable: readonly PoolState[], ledger: Ledger, tenant: string): string {
  const share = Math.round(100 * ledger.shares.of(tenant));
  const cheapest = suitable[0] === pool ? 'the cheapest that has the device' : 'the cheapest with room';
  return `${cheapest}; ${tenant} has ${share} % of its dominant resource now`;
}

function waitsFor(suitable: readonly PoolState[], { budgetPerHour }: SchedulerState, ledger: Ledger): string {
  if (suitable.length === 0) return 'no pool has the device that it needs';
  const names = suitable.map(({ name }) => name).join(', ');
  const withRoom = suitable.filter((pool) => ledger.roomForJob(pool));
  if (withRoom.length === 0) return `${names}: no node is free`;
  return withRoom.some(({ pricePerHour }) => ledger.affords(pricePerHour))
    ? `${names}: the next node is kept for who has waited longer`
    : `the budget of ${budgetPerHour} an hour for all pools is spent`;
}
