// The autoscaler's view as people read it: what each endpoint is doing, what the pools have and cost, and which jobs have a node. `massif top`
// redraws it, `massif scale explain` says it once.
import type { JobBase } from '../../contracts/job.js';
import type { RegionScaling, ScalingPolicy, ScalingReply } from '../../contracts/scaling.js';
import type { PoolDevice, ScheduleRecord } from '../../contracts/scheduling.js';
import { bytesText, table } from '../cli/table.js';

/** Growth is called a burst's, and an awakening fresh, for so long after it was decided: most loads are over between two pictures. */
const FRESH_MS = 10_000;

/** What an endpoint does in a region, in a word or two. */
export function scalingState(one: RegionScaling, nowMs: number): string {
  const { mode, wanted = one.decided, ready, waiting, changes } = one;
  const last = changes.at(-1);
  const grew = last !== undefined && last.to > last.from && nowMs - Date.parse(last.at) < FRESH_MS;
  if (mode === 'held') return 'not seen';
  if (wanted === 0) return ready > 0 ? 'going to sleep' : 'asleep';
  if (ready === 0) return 'waking';
  const bursts = mode === 'bursty' && (wanted > ready || waiting > 0);
  if (bursts || (mode !== 'pinned' && grew && last.from > 0)) return 'absorbing a burst';
  if (mode !== 'pinned' && grew && last.from === 0) return 'just woken';
  if (wanted > ready) return 'growing';
  if (wanted < ready) return 'shrinking';
  return mode === 'pinned' ? 'pinned' : mode === 'bursty' ? 'bursty' : 'steady';
}

/** An answer within so long, for all but a share of the requests. */
const objective = ({ slowdownMax, violationShare }: ScalingPolicy, { serviceMs }: RegionScaling): string =>
  `${Number((100 * (1 - violationShare)).toFixed(3))} % in ${(slowdownMax * serviceMs).toFixed(1)} ms`;

export function endpointsTable({ endpoints }: ScalingReply, nowMs: number): string {
  const head = [
    'endpoint',
    'region',
    'state',
    'wanted',
    'have',
    'loading',
    'in flight',
    'waiting',
    '/s',
    'objective',
    'why',
  ];
  const rows = endpoints.flatMap(({ endpoint, policy, regions }) =>
    regions.map((one) => [
      endpoint,
      one.region,
      scalingState(one, nowMs),
      one.wanted ?? `(${one.decided})`,
      one.ready,
      one.loading,
      one.inFlight,
      one.waiting,
      Number(one.perSecond.toFixed(1)),
      objective(policy, one),
      [one.why, ...one.bounds.slice(-1)].join('; '),
    ]),
  );
  return table(head, rows);
}

export function poolsTable({ pools, spending }: ScheduleRecord): string {
  const head = [
    'pool',
    'kind',
    'device',
    'region',
    'shards',
    'jobs',
    'free',
    'of',
    'price/h',
    'start',
    'state',
  ];
  const rows = pools.map((pool) => [
    pool.name,
    pool.kind,
    deviceText(pool.device),
    pool.region,
    pool.shards,
    pool.jobs,
    Math.max(0, pool.nodesMax - pool.shards - pool.jobs),
    pool.nodesMax,
    pool.pricePerHour,
    pool.startMs === undefined ? '-' : `${(pool.startMs / 1_000).toFixed(1)} s`,
    pool.trouble ?? (pool.wanted > pool.shards ? `${pool.wanted} shards wanted` : 'well'),
  ]);
  const { perHour, budgetPerHour } = spending;
  const of = budgetPerHour === undefined ? '' : ` of ${budgetPerHour}`;
  return `${table(head, rows)}\nall nodes cost ${Number(perHour.toFixed(2))}${of} an hour`;
}

const deviceText = ({ kind, model, count, memoryBytes }: PoolDevice): string =>
  [count > 1 ? `${count} x` : '', model ?? kind, memoryBytes === undefined ? '' : bytesText(memoryBytes)]
    .filter(Boolean)
    .join(' ');

export interface OpenJob extends Pick<JobBase, 'id' | 'state' | 'terms' | 'runsOn' | 'worker' | 'preempted'> {
  readonly kind: string;
  readonly model: string;
}

/** Open jobs, those of the queue included; where one is, and why there or not yet, the scheduler says. */
export function jobsTable(jobs: readonly OpenJob[], schedule: ScheduleRecord | undefined): string {
  const head = ['job', 'kind', 'model', 'tenant', 'priority', 'state', 'where', 'preempted', 'why'];
  const rows = jobs.map(({ id, kind, model, state, terms, runsOn, worker, preempted }) => {
    const placed = runsOn === 'pools' ? schedule?.jobs.find((job) => job.id === id) : undefined;
    return [
      id,
      kind,
      model,
      terms?.tenant ?? '-',
      terms?.priority ?? '-',
      state,
      placed?.pool ?? (state === 'queued' ? '-' : (worker ?? '-')),
      preempted ?? 0,
      placed?.why ?? (runsOn === 'pools' ? '' : 'a trainer takes it from the queue'),
    ];
  });
  return table(head, rows);
}

/** The last few jobs that gave their node away. */
export const preemptionLines = ({ preemptions }: ScheduleRecord): string[] =>
  preemptions.slice(-3).map(({ job, pool, at, why }) => `${at} ${job} left ${pool}: ${why}`);

/** What an endpoint lacks, and why. */
export const shortageLines = (
  { short }: Pick<ScheduleRecord, 'short'>,
  endpoint: string,
  region: string,
): string[] =>
  short
    .filter((one) => one.endpoint === endpoint && one.region === region)
    .map(({ missing, why }) => `for ${missing} of them there is no shard: ${why}`);
