// The decisions of the operational watch, with plain values.
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Heartbeat } from '../../../contracts/heartbeat.js';
import { Objective, Objectives } from '../../../contracts/objectives.js';
import { decideBurning } from './burn-rate.js';
import { DoorCounts } from './door-counts.js';
import { decideFindings, type Finding, type Seen } from './findings.js';
import { OutcomeHistory, type Outcomes } from './outcome-history.js';
import { StandingFindings } from './standing.js';

const MINUTE = 60_000;
const objectives = Objectives.parse({});
const objective = Objective.parse({ latency: { ms: 100, share: 0.99 } });

/** Minutes of equal traffic, `bad` and `slow` of a hundred requests in each. */
function history(...spells: readonly (readonly [minutes: number, bad: number, slow?: number])[]) {
  const kept = new OutcomeHistory();
  let minute = 1_000_000;
  for (const [minutes, bad, slow = 0] of spells)
    for (let n = 0; n < minutes; n++) kept.add({ total: 100, bad, slow }, ++minute * MINUTE);
  return (windowMs: number): Outcomes => kept.within(windowMs, minute * MINUTE);
}
const burning = (within: (windowMs: number) => Outcomes) =>
  decideBurning(within, objective, objectives).map(({ of, rule }) => `${of} ${rule.longS} ${rule.severity}`);

test('a history sums windows of minutes and of half hours, and forgets what is older than its rings', () => {
  const within = history([60, 0], [30, 5], [6, 50]);
  expect(within(5 * MINUTE)).toEqual({ total: 500, bad: 250, slow: 0 });
  expect(within(60 * MINUTE)).toEqual({ total: 6_000, bad: 450, slow: 0 });
  expect(within(24 * 60 * MINUTE)).toEqual({ total: 9_600, bad: 450, slow: 0 });
  const kept = new OutcomeHistory();
  kept.add({ total: 1, bad: 1, slow: 1 }, MINUTE);
  expect(kept.within(6 * 60 * MINUTE, 362 * MINUTE).total).toBe(0);
  expect(kept.within(72 * 60 * MINUTE, 73 * 60 * MINUTE + MINUTE).total).toBe(0);
});

test('a history is clean until something goes wrong, and again once no window reaches back to it', () => {
  const kept = new OutcomeHistory();
  kept.add({ total: 9, bad: 0, slow: 0 }, MINUTE);
  expect(kept.isClean(MINUTE)).toBe(true);
  kept.add({ total: 9, bad: 0, slow: 1 }, 2 * MINUTE);
  kept.add({ total: 9, bad: 0, slow: 0 }, 3 * MINUTE);
  expect(kept.isClean(3 * MINUTE)).toBe(false);
  const longest = 72 * 60 * MINUTE;
  expect(kept.isClean(2 * MINUTE + longest)).toBe(false);
  expect(kept.within(longest, 2 * MINUTE + longest).slow).toBe(0);
  expect(kept.isClean(3 * MINUTE + longest)).toBe(true);
});

test('a fast burn is critical, a slow one a warning, a spell that is over none, and so is a handful of failures', () => {
  // 2 % of an hour's requests fail: 20 times the pace of an objective of 99.9 %.
  expect(burning(history([60, 2]))).toEqual(['availability 3600 critical']);
  // 0.7 % over six hours: 7 times.
  expect(burning(history([360, 0.7]))).toEqual(['availability 21600 critical']);
  // 0.4 % over a day: 4 times.
  expect(burning(history([1_440, 0.4]))).toEqual(['availability 86400 warning']);
  // It has stopped: the short window is clean again.
  expect(burning(history([60, 20], [400, 0]))).toEqual([]);
  expect(burning(history([10, 0.5]))).toEqual([]);
  expect(burning(history([60, 0, 40]))).toEqual(['latency 3600 critical']);
  expect(burning(history([60, 0, 0.5]))).toEqual([]);
});

const line = (name: string, code: number, value: number, le?: number) =>
  `massif_request_seconds_${name}{${le === undefined ? '' : `le="${le}",`}endpoint="ocr",version="1",door="nats",code="${code}",process="edge-east"} ${value}`;
const page = (ok: number, fast: number, failed: number): string =>
  [
    '# HELP x',
    line('bucket', 200, fast, 0.1),
    line('bucket', 200, ok, 0.25),
    line('bucket', 503, failed, 0.1),
  ]
    .concat([line('count', 200, ok), line('count', 503, failed), 'process_cpu_seconds_total 3'])
    .join('\n');

test('doors are read as what was added since, a process that began anew included', () => {
  const doors = new DoorCounts(() => 80);
  expect(doors.read([page(100, 90, 5)]).size).toBe(0);
  expect(doors.read([page(150, 130, 7)]).get('ocr')).toEqual({ total: 52, bad: 2, slow: 10 });
  expect(doors.read([page(150, 130, 7)]).size).toBe(0);
  expect(doors.read([page(10, 8, 1)]).get('ocr')).toEqual({ total: 11, bad: 1, slow: 2 });
});

const NOW = Date.parse('2026-01-01T12:00:00Z');
const ago = (s: number) => new Date(NOW - s * 1_000).toISOString();
const VERSION = 'a'.repeat(64);
function beat(shard: string, region: string, replicas: readonly string[] = []): Heartbeat {
  const replica = (state: string) => ({
    id: `${shard}_a`,
    model: 'ocr',
    version: VERSION,
    state,
    inFlight: 0,
    capacity: 1,
    latencyMs: 1,
    batchMax: 1,
    served: 0,
    failed: 0,
    epoch: 1,
    ...(state === 'failed' && { reason: 'UNSIGNED' }),
  });
  return {
    shard,
    region,
    pid: 1,
    seq: 1,
    state: 'ready',
    engines: [],
    device: { kind: 'cpu', cores: 1, memoryBytes: 1 },
    replicas: replicas.map(replica) as Heartbeat['replicas'],
  } as Heartbeat;
}
const endpoint = {
  name: 'ocr',
  model: 'ocr',
  variants: [{ version: VERSION, label: '1', weight: 10_000 }],
  salt: 's',
  assignment: 'request',
  replicasPerRegion: 1,
  timeoutMs: 1_000,
  updatedAt: ago(9_999),
} as const;
const seen = (more: Partial<Seen> = {}): Seen => ({
  nowMs: NOW,
  sinceMs: NOW - 3_600_000,
  regions: ['east', 'west'],
  beats: [
    { what: beat('shard-east-1', 'east', ['ready']), atMs: NOW },
    { what: beat('shard-west-1', 'west', ['ready']), atMs: NOW },
  ],
  processes: [],
  endpoints: [endpoint as unknown as Seen['endpoints'][number]],
  releases: [],
  jobs: [],
  burning: [],
  ...more,
});
const found = (more: Partial<Seen>) =>
  decideFindings(seen(more), objectives).map(({ kind, about, severity }) => `${kind} ${about} ${severity}`);
const process_ = (free: number, id = 'host 1') => ({
  what: {
    instance: 'edge-east',
    services: [],
    region: 'east',
    pid: 1,
    version: '1',
    startedAt: ago(9),
    now: ago(0),
    rssBytes: 1,
    disk: { id, freeBytes: free * 2 ** 30, totalBytes: 100 * 2 ** 30 },
  },
  atMs: NOW,
});

test('a mesh that is well has nothing amiss', () => {
  expect(found({})).toEqual([]);
});

test('a shard that fell silent, replicas that are missing, and a region of which nothing is heard', () => {
  const east = { what: beat('shard-east-1', 'east', ['ready']), atMs: NOW };
  const west = beat('shard-west-1', 'west', ['ready']);
  expect(found({ beats: [east, { what: west, atMs: NOW - 12_000 }] })).toEqual([
    'shard.silent shard-west-1 warning',
    `replica.missing ocr ${VERSION} warning`,
  ]);
  expect(found({ beats: [east, { what: west, atMs: NOW - 30_000 }] })).toEqual([
    'region.silent west critical',
  ]);
  expect(found({ beats: [east, { what: west, atMs: NOW - 30_000 }], sinceMs: NOW - 5_000 })).not.toContain(
    'region.silent west critical',
  );
  expect(
    found({ beats: [{ what: beat('shard-east-1', 'east', ['loading']), atMs: NOW }], regions: ['east'] }),
  ).toEqual([`replica.missing ocr ${VERSION} critical`]);
  expect(
    found({
      beats: [{ what: beat('shard-east-1', 'east', ['failed', 'ready']), atMs: NOW }],
      regions: ['east'],
    }),
  ).toEqual(['replica.failed shard-east-1_a warning']);
});

test('releases beyond their time or waiting for a person, jobs without progress, and disks that fill', () => {
  const release = (state: string, more: object) =>
    ({
      id: 'ocr-1',
      endpoint: 'ocr',
      model: 'ocr',
      state,
      step: 0,
      enteredAt: ago(4_000),
      ...more,
    }) as unknown as Seen['releases'][number];
  expect(
    found({
      releases: [release('step', { deadlineAt: ago(60) }), release('done', { deadlineAt: ago(9_000) })],
    }),
  ).toEqual([]);
  expect(found({ releases: [release('step', { deadlineAt: ago(130) })] })).toEqual([
    'release.overdue ocr-1 warning',
  ]);
  expect(found({ releases: [release('paused', {})] })).toEqual(['release.waiting ocr-1 warning']);
  const job = (state: string, quietS: number) =>
    ({
      id: `job-${state}`,
      kind: 'train',
      state,
      attempts: 1,
      cancelAsked: false,
      createdAt: ago(9_999),
      updatedAt: ago(quietS),
    }) as Seen['jobs'][number];
  expect(found({ jobs: [job('working', 1_000), job('queued', 1_000), job('done', 9_000)] })).toEqual([
    'job.stuck job-working warning',
  ]);
  expect(
    found({ processes: [process_(8), process_(8), process_(3, 'host 2'), process_(50, 'host 3')] }),
  ).toEqual(['disk.full host 1 warning', 'disk.full host 2 critical']);
});

test('a finding is told once it has lasted, again every minute, at once when it gets worse, and is over when it is gone', () => {
  const standing = new StandingFindings();
  const one: Finding = {
    kind: 'replica.missing',
    about: 'ocr',
    severity: 'warning',
    summary: '',
    evidence: {},
    requestIds: [],
    next: '',
    runbook: '',
    afterS: 30,
  };
  const take = (findings: Finding[], atS: number, open: readonly { kind: string; about: string }[] = []) => {
    const { raise, over } = standing.take(findings, open, atS * 1_000);
    return [raise.length, over.length];
  };
  expect([take([one], 0), take([one], 29), take([one], 30), take([one], 35)]).toEqual([
    [0, 0],
    [0, 0],
    [1, 0],
    [0, 0],
  ]);
  expect([
    take([{ ...one, severity: 'critical' }], 40),
    take([{ ...one, severity: 'critical' }], 100),
  ]).toEqual([
    [1, 0],
    [1, 0],
  ]);
  expect(take([one], 105, [one])).toEqual([1, 0]);
  expect(take([], 110, [one])).toEqual([0, 1]);
});

test('every runbook that a finding names is there', () => {
  const everything = decideFindings(
    seen({
      beats: [
        { what: beat('shard-east-1', 'east', ['failed']), atMs: NOW },
        { what: beat('shard-east-2', 'east'), atMs: NOW - 15_000 },
      ],
      releases: [
        {
          id: 'ocr-1',
          endpoint: 'ocr',
          model: 'ocr',
          state: 'paused',
          step: 0,
          enteredAt: ago(4_000),
        } as unknown as Seen['releases'][number],
      ],
      jobs: [
        {
          id: 'job-1',
          kind: 'train',
          state: 'working',
          attempts: 1,
          cancelAsked: false,
          createdAt: ago(9_999),
          updatedAt: ago(9_999),
        },
      ],
      processes: [process_(1)],
      burning: decideBurning(history([60, 2]), objective, objectives).map((of) => ({
        endpoint: 'ocr',
        model: 'ocr',
        of,
      })),
    }),
    objectives,
  );
  expect(new Set(everything.map(({ kind }) => kind)).size).toBe(8);
  for (const { runbook, next } of everything) {
    expect(existsSync(new URL(`../../../${runbook}`, import.meta.url)), runbook).toBe(true);
    expect(next).not.toBe('');
  }
});
