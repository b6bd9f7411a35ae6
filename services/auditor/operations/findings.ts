// What is amiss in the mesh, from what was seen of it: pure. Each finding is an alert in the making, with its evidence, what to do next and its runbook;
// `afterS` says how long it must be so before anybody hears of it. The operational watch keeps the time.
import type { Heartbeat } from '../../../contracts/heartbeat.js';
import type { JobBase } from '../../../contracts/job.js';
import { isOpen } from '../../../contracts/job.js';
import type { Objectives } from '../../../contracts/objectives.js';
import type { EndpointRecord } from '../../../contracts/registry.js';
import { ENDED, type ReleasesReply } from '../../../contracts/release.js';
import type { ProcessStatus } from '../../../contracts/status.js';
import type { Trouble } from '../alerts/alert-desk.js';
import type { Burning } from './burn-rate.js';

export interface Heard<T> {
  readonly what: T;
  readonly atMs: number;
}

export interface Seen {
  readonly nowMs: number;
  /** When the watch began: nobody is silent for longer. */
  readonly sinceMs: number;
  readonly regions: readonly string[];
  readonly beats: readonly Heard<Heartbeat>[];
  readonly processes: readonly Heard<ProcessStatus>[];
  readonly endpoints: readonly EndpointRecord[];
  readonly releases: ReleasesReply['releases'];
  readonly jobs: readonly (JobBase & { readonly kind: 'train' | 'compress' })[];
  readonly burning: readonly {
    readonly endpoint: string;
    readonly model?: string | undefined;
    readonly of: Burning;
  }[];
}

export interface Finding extends Trouble {
  readonly afterS: number;
}

type Limits = Omit<Objectives, 'endpoints' | 'every' | 'burn' | 'badMin'>;

export function decideFindings(seen: Seen, limits: Limits): Finding[] {
  const silent = silentRegions(seen, limits);
  const gone = new Set(silent.map(({ about }) => about));
  return [
    ...silent,
    ...silentShards(seen, limits, gone),
    ...missingReplicas(seen, limits, gone),
    ...failedReplicas(seen, limits),
    ...lateReleases(seen, limits),
    ...lateJobs(seen, limits),
    ...fullDisks(seen, limits),
    ...seen.burning.map(burningFinding),
  ];
}

const finding = (
  one: Pick<Finding, 'kind' | 'about' | 'severity' | 'summary' | 'next' | 'runbook'> & Partial<Finding>,
): Finding => ({ evidence: {}, requestIds: [], afterS: 0, ...one, summary: one.summary.slice(0, 500) });

function silentRegions(
  { regions, beats, processes, nowMs, sinceMs }: Seen,
  { regionSilentS }: Limits,
): Finding[] {
  return regions.flatMap((region) => {
    const heard = [
      ...beats.filter(({ what }) => what.region === region),
      ...processes.filter(({ what }) => what.region === region),
    ];
    const lastMs = Math.max(sinceMs, ...heard.map(({ atMs }) => atMs));
    if (nowMs - lastMs < regionSilentS * 1_000) return [];
    return [
      finding({
        kind: 'region.silent',
        about: region,
        severity: 'critical',
        summary: `No process of region ${region} has said anything for ${seconds(nowMs - lastMs)}.`,
        evidence: { region, lastHeard: iso(lastMs), processes: String(heard.length) },
        next: `massif links and massif status say whether the line is cut or the region is gone.`,
        runbook: 'deploy/runbooks/region-lost.md',
      }),
    ];
  });
}

function silentShards(
  { beats, nowMs }: Seen,
  { shardSilentS }: Limits,
  gone: ReadonlySet<string>,
): Finding[] {
  return beats
    .filter(
      ({ what, atMs }) =>
        nowMs - atMs >= shardSilentS * 1_000 && what.state !== 'draining' && !gone.has(what.region),
    )
    .map(({ what: { shard, region, pid, replicas }, atMs }) =>
      finding({
        kind: 'shard.silent',
        about: shard,
        severity: 'warning',
        summary: `Shard ${shard} has said nothing for ${seconds(nowMs - atMs)}; it held ${replicas.length} replicas.`,
        evidence: { shard, region, pid: String(pid), lastHeard: iso(atMs) },
        next: 'massif status says whether its process is there; its supervisor starts it again.',
        runbook: 'deploy/runbooks/process-lost.md',
      }),
    );
}

/** Of endpoints that want so many in every region; where a policy or the autoscaler decides, one somewhere is asked for. */
function missingReplicas(
  { endpoints, beats, regions, nowMs }: Seen,
  { replicaMissingS, shardSilentS }: Limits,
  gone: ReadonlySet<string>,
): Finding[] {
  const fresh = beats.filter(({ atMs }) => nowMs - atMs < shardSilentS * 1_000).map(({ what }) => what);
  const ready = new Map<string, number>();
  for (const { region, replicas } of fresh)
    for (const { version, state } of replicas)
      if (state === 'ready') ready.set(`${region} ${version}`, (ready.get(`${region} ${version}`) ?? 0) + 1);
  const shardsIn = (region: string) => beats.filter(({ what }) => what.region === region).length;
  return endpoints.flatMap((endpoint) => {
    const { name, model, variants, placement, scaling, replicasPerRegion } = endpoint;
    // What sleeps for want of callers is not missing.
    if (scaling) return [];
    return variants
      .filter(({ weight }) => weight > 0)
      .flatMap(({ version, label }) => {
        const counts = regions.map((region) => ready.get(`${region} ${version}`) ?? 0);
        const total = counts.reduce((sum, count) => sum + count, 0);
        const short = placement
          ? []
          : regions.filter(
              (region, i) =>
                !gone.has(region) && (counts[i] ?? 0) < Math.min(replicasPerRegion, shardsIn(region)),
            );
        if (total > 0 && short.length === 0) return [];
        const places = regions.map((region, i) => `${region} ${counts[i] ?? 0}`).join(', ');
        return [
          finding({
            kind: 'replica.missing',
            about: `${name} ${version}`,
            model,
            severity: total === 0 ? 'critical' : 'warning',
            summary: `${name} ${label} has ${total === 0 ? 'no ready replica' : `too few ready replicas in ${short.join(', ')}`}.`,
            evidence: {
              endpoint: name,
              version,
              ready: places,
              wanted: placement ? 'by policy' : `${replicasPerRegion} in each region`,
            },
            next: `massif top --once shows what its replicas do; massif explain ${name} who gets calls now.`,
            runbook: 'deploy/runbooks/process-lost.md',
            afterS: replicaMissingS,
          }),
        ];
      });
  });
}

function failedReplicas({ beats, nowMs }: Seen, { replicaMissingS, shardSilentS }: Limits): Finding[] {
  return beats
    .filter(({ atMs }) => nowMs - atMs < shardSilentS * 1_000)
    .flatMap(({ what: { shard, region, replicas } }) =>
      replicas
        .filter(({ state }) => state === 'failed')
        .map(({ id, model, version, reason = '' }) =>
          finding({
            kind: 'replica.failed',
            about: id,
            model,
            severity: 'warning',
            summary: `A replica of ${model} on ${shard} failed: ${reason}`,
            evidence: { replica: id, version, region, reason: reason.slice(0, 1_000) },
            next: 'The reason says what to mend; a version that was refused does not come back by itself.',
            runbook: 'deploy/runbooks/process-lost.md',
            afterS: replicaMissingS,
          }),
        ),
    );
}

function lateReleases({ releases, nowMs }: Seen, { releaseOverdueS, releasePausedS }: Limits): Finding[] {
  return releases
    .filter(({ state }) => !ENDED.has(state))
    .flatMap(({ id, endpoint, model, state, step, enteredAt, deadlineAt }) => {
      const overdueMs = deadlineAt === undefined ? 0 : nowMs - Date.parse(deadlineAt);
      const inStateMs = nowMs - Date.parse(enteredAt);
      const overdue = overdueMs >= releaseOverdueS * 1_000;
      if (!overdue && !(state === 'paused' && inStateMs >= releasePausedS * 1_000)) return [];
      return [
        finding({
          kind: overdue ? 'release.overdue' : 'release.waiting',
          about: id,
          model,
          severity: 'warning',
          summary: overdue
            ? `Release ${id} of ${endpoint} should have left "${state}" ${seconds(overdueMs)} ago.`
            : `Release ${id} of ${endpoint} has waited for a person for ${seconds(inStateMs)}.`,
          evidence: { release: id, endpoint, state, step: String(step), since: enteredAt },
          next: overdue
            ? 'Is a registry leading? massif status; massif release status says what it waits for.'
            : `massif release status ${id}, then resume, promote or abort.`,
          runbook: 'deploy/runbooks/releases.md',
        }),
      ];
    });
}

function lateJobs({ jobs, nowMs }: Seen, { jobStuckS, jobQueuedS }: Limits): Finding[] {
  return jobs.filter(isOpen).flatMap(({ id, kind, state, worker = '', attempts, updatedAt, createdAt }) => {
    const quietMs = nowMs - Date.parse(updatedAt);
    const limitS = state === 'queued' ? jobQueuedS : jobStuckS;
    if (quietMs < limitS * 1_000) return [];
    return [
      finding({
        kind: 'job.stuck',
        about: id,
        severity: 'warning',
        summary: `The ${kind} job ${id} has been "${state}" without progress for ${seconds(quietMs)}.`,
        evidence: { job: id, state, worker, attempts: String(attempts), createdAt, updatedAt },
        next: 'massif jobs shows it; a trainer or compressor that begins anew goes on from the last checkpoint.',
        runbook: 'deploy/runbooks/jobs.md',
      }),
    ];
  });
}

function fullDisks({ processes }: Seen, { diskFree: { warning, critical } }: Limits): Finding[] {
  const disks = new Map(
    processes.flatMap(({ what: { disk, instance, region } }) =>
      disk ? [[disk.id, { ...disk, instance, region }] as const] : [],
    ),
  );
  return [...disks.values()].flatMap(({ id, freeBytes, totalBytes, instance, region }) => {
    const share = freeBytes / totalBytes;
    if (totalBytes === 0 || share >= warning) return [];
    const left = `${(share * 100).toFixed(1)} % (${(freeBytes / 2 ** 30).toFixed(1)} GiB)`;
    return [
      finding({
        kind: 'disk.full',
        about: id,
        severity: share < critical ? 'critical' : 'warning',
        summary: `The disk of ${instance} in ${region} has ${left} left.`,
        evidence: { disk: id, region, process: instance, free: String(freeBytes), total: String(totalBytes) },
        next: 'Free room before JetStream refuses writes: old logs, unused artifacts, versions to archive.',
        runbook: 'deploy/runbooks/disk-full.md',
      }),
    ];
  });
}

function burningFinding({ endpoint, model, of: { of, rule, burn, long } }: Seen['burning'][number]): Finding {
  const what = of === 'availability' ? 'fails too many requests' : 'answers too late';
  const times = (one: number) => `${one.toPrecision(3)} times`;
  return finding({
    kind: `objective.${of}`,
    about: endpoint,
    model,
    severity: rule.severity,
    summary: `${endpoint} ${what}: its error budget burns ${times(burn.long)} too fast over ${seconds(rule.longS * 1_000)} and ${times(burn.short)} over ${seconds(rule.shortS * 1_000)}.`,
    evidence: {
      endpoint,
      requests: String(Math.round(long.total)),
      failed: String(Math.round(long.bad)),
      late: String(Math.round(long.slow)),
      rule: `${rule.burn} over ${rule.longS} s and ${rule.shortS} s`,
    },
    next: `massif explain ${endpoint} and massif top --once: which replicas fail or are slow, and since which release.`,
    runbook: 'deploy/runbooks/error-budget.md',
  });
}

const iso = (ms: number): string => new Date(ms).toISOString();

function seconds(ms: number): string {
  const s = Math.round(ms / 1_000);
  if (s < 120) return `${s} s`;
  return s < 7_200 ? `${Math.round(s / 60)} min` : `${Math.round(s / 3_600)} h`;
}
