import { expect, test } from 'vitest';
import { type RegionScaling, ScalingPolicy } from '../../contracts/scaling.js';
import type { ScheduleRecord } from '../../contracts/scheduling.js';
import { endpointsTable, jobsTable, poolsTable, scalingState, shortageLines } from './scaling-view.js';

const NOW = Date.parse('2026-11-26T12:00:00Z');
const region = (more: Partial<RegionScaling> = {}): RegionScaling => ({
  region: 'east',
  wanted: 1,
  decided: 1,
  ready: 1,
  loading: 0,
  waiting: 0,
  inFlight: 0,
  perSecond: 0,
  serviceMs: 4,
  slots: 1,
  startMs: 500,
  mode: 'steady',
  parts: {},
  why: 'one stays awake',
  bounds: [],
  changes: [],
  ...more,
});
const grew = (from: number, to: number, agoMs: number) => [
  { at: new Date(NOW - agoMs).toISOString(), from, to, why: '' },
];
const schedule: ScheduleRecord = {
  epoch: 3,
  instance: 'autoscaler-1',
  at: '2026-11-26T12:00:00Z',
  pools: [
    {
      name: 'fast',
      kind: 'slurm',
      region: 'east',
      device: { kind: 'cuda', model: 'a100', count: 2, memoryBytes: 80e9 },
      pricePerHour: 2.5,
      nodesMax: 4,
      shards: 1,
      jobs: 1,
      wanted: 2,
      startMs: 61_000,
    },
  ],
  jobs: [
    {
      id: 'job-12345',
      kind: 'train',
      model: 'digits',
      tenant: 'acme',
      priority: 3,
      state: 'placed',
      pool: 'fast',
      why: 'it runs there',
    },
  ],
  preemptions: [],
  short: [{ endpoint: 'ocr', region: 'east', missing: 2, why: 'fast have no node left' }],
  spending: { perHour: 5, budgetPerHour: 6 },
};

test.each([
  ['asleep', region({ wanted: 0, ready: 0 })],
  ['going to sleep', region({ wanted: 0 })],
  ['waking', region({ ready: 0, waiting: 3 })],
  ['waking', region({ ready: 0, loading: 1, changes: grew(0, 1, 4_000) })],
  ['just woken', region({ changes: grew(0, 1, 3_000) })],
  ['steady', region({ changes: grew(0, 1, 60_000) })],
  ['absorbing a burst', region({ mode: 'bursty', wanted: 4, ready: 1 })],
  ['absorbing a burst', region({ mode: 'bursty', wanted: 4, ready: 4, changes: grew(1, 4, 3_000) })],
  ['bursty', region({ mode: 'bursty', wanted: 4, ready: 4, changes: grew(1, 4, 60_000) })],
  ['growing', region({ wanted: 2 })],
  ['shrinking', region({ wanted: 1, ready: 2 })],
  ['pinned', region({ mode: 'pinned' })],
  ['not seen', region({ mode: 'held' })],
  ['steady', region()],
])('an endpoint is %s', (state, one) => {
  expect(scalingState(one, NOW)).toBe(state);
});

test('the tables say the objective, what is free and paid, who has which node, and what is missing', () => {
  const endpoints = [{ endpoint: 'ocr', policy: ScalingPolicy.parse({}), regions: [region()] }];
  expect(endpointsTable({ instance: 'a', leading: true, endpoints }, NOW)).toContain('99 % in 20.0 ms');
  expect(poolsTable(schedule).split('\n')[1]).toMatch(
    /fast +slurm +2 x a100 80\.0 GB +east +1 +1 +2 +4 +2\.5 +61\.0 s +2 shards wanted/,
  );
  expect(poolsTable(schedule)).toContain('5 of 6 an hour');
  const job = { id: 'job-12345', kind: 'train', model: 'digits', state: 'working', runsOn: 'pools' } as const;
  expect(jobsTable([job], schedule)).toMatch(/job-12345 +train +digits .*working +fast +0 +it runs there/);
  expect(shortageLines(schedule, 'ocr', 'east')).toEqual([
    'for 2 of them there is no shard: fast have no node left',
  ]);
  expect(shortageLines(schedule, 'ocr', 'west')).toEqual([]);
});
