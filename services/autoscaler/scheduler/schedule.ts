// The dynamic scheduler's decision: which pool lends how many shards, and which jobs run where. Pure: state in, assignments,
// preemptions and reasons out. The scheduler asks twice a second and carries out what it says.
//
// Serving comes first: endpoints by priority, then by the share of their tenant, each from the cheapest pool that satisfies it. Where
// none has room, a job gives its node away. What is left goes to jobs by dominant resource fairness (Ghodsi et al. 2011): the tenant
// with the smallest share is next, with the most urgent of its own jobs, so that no claim of urgency takes anything from others.
import { placeJobs, takeTurns } from './place-jobs.js';
import { Ledger } from './ledger.js';
import { placeServing, stopUnpaid } from './place-serving.js';
import type { JobDemand, Placed, Schedule, SchedulerState } from './state.js';

export function schedule(state: SchedulerState): Schedule {
  const ledger = new Ledger(state);
  const pools = new Map(state.pools.map((pool) => [pool.name, pool]));
  const running = new Map<string, JobDemand & { readonly pool: string }>();
  for (const job of state.jobs) {
    const pool = job.pool === undefined ? undefined : pools.get(job.pool);
    if (!pool) continue;
    running.set(job.id, { ...job, pool: pool.name });
    ledger.addJob(pool, job.tenant);
  }
  const unpaid = stopUnpaid(state, ledger, running);
  const { short, preempted: byServing } = placeServing(state, ledger, running);
  const waitingJobs = (): JobDemand[] => state.jobs.filter(({ id }) => !running.has(id));
  const first = placeJobs(waitingJobs(), state, ledger);
  const turns = takeTurns(first.waiting, running, state, ledger);
  const given = [...first.placed, ...turns.placed];
  const kept: Placed[] = [...running.values()].map(({ id, pool }) => ({ id, pool, why: 'it runs there' }));
  return {
    shards: ledger.counts(),
    jobs: [...kept, ...given],
    waiting: turns.waiting,
    preempted: [...unpaid, ...byServing, ...turns.preempted],
    short,
    perHour: ledger.perHour,
  };
}
