import { expect, test } from 'vitest';
import type { PlanArm, ReleaseCourse, ReleaseEvent, ReleaseRecord } from '../../../contracts/release.js';
import { ReleaseSpec } from '../../../contracts/release.js';
import { seededRandom } from '../random.js';
import { advance, opened } from './advance.js';
import { aliasesOf } from './alias-moves.js';
import { armsTotal } from './arms.js';
import { moved } from './machine.js';
import { replay } from './replay.js';

const arm = (name: string, label: string, weight: number): PlanArm => ({
  arm: name,
  version: label.repeat(64),
  label,
  weight,
  replicas: {},
});
const arms = (stable: number, canary: number, baseline = 0) => [
  arm('stable', '1', stable),
  arm('baseline', '1', baseline),
  arm('canary', '2', canary),
];
const course: ReleaseCourse = {
  strategy: 'canary',
  initial: [arm('stable', '1', 10_000)],
  loading: arms(10_000, 0),
  steps: [
    { arms: arms(8_000, 1_000, 1_000), gate: 'analysis', minMs: 0, maxMs: 1_000, pauseAfter: false },
    { arms: arms(0, 5_000, 5_000), gate: 'analysis', minMs: 0, maxMs: 1_000, pauseAfter: true },
  ],
  promoted: arms(0, 10_000),
  resident: [],
  control: 'stable',
  epochBefore: 0,
  aliases: { stable: '1'.repeat(64) },
  onInconclusive: 'abort',
  keepOldMs: 1_000,
};
const spec = ReleaseSpec.parse({
  endpoint: 'ocr',
  to: '2',
  strategy: { type: 'canary', steps: [{ weight: 1_000 }] },
  owner: 'ada',
});
const now = { atMs: 1_700_000_000_000, epoch: 1, code: 'test' };
const begun = (of: ReleaseCourse = course): ReleaseRecord =>
  opened({ id: 'ocr-1', model: 'ocr', spec, course: of, by: 'ada' }, now);
const noJudge = () => {
  throw new Error('nothing to judge');
};

function along(
  record: ReleaseRecord,
  ...types: ReleaseEvent['type'][]
): { record: ReleaseRecord; entries: ReleaseRecord['last'][] } {
  const entries = [record.last];
  for (const type of types) {
    record = advance(record, { event: { type } as ReleaseEvent, by: 'test', why: type }, now);
    entries.push(record.last);
  }
  return { record, entries };
}
const READY = ['LOADED', 'WARMED', 'TESTED'] as const;

test('a canary goes through its steps to the end, and the new version takes the name of the old arm', () => {
  const { record } = along(begun(), ...READY, 'PASS', 'PASS', 'PROMOTE', 'PLACED', 'DRAINED');
  expect(record.state).toBe('done');
  expect(record.plan.arms).toEqual([arm('stable', '2', 10_000)]);
});

test('until it is loaded, warmed and tested nobody gets the new version', () => {
  let record = begun();
  for (const type of READY) {
    expect(record.plan.arms.find((one) => one.arm === 'canary')?.weight).toBe(0);
    record = along(record, type).record;
  }
  expect(record.plan.arms.find((one) => one.arm === 'canary')?.weight).toBe(1_000);
});

test.each([
  [[...READY, 'PASS'], 'step'],
  [[...READY, 'PAUSE'], 'paused'],
  [[...READY, 'PASS', 'PASS', 'PROMOTE', 'PLACED'], 'draining'],
  [['LOADED'], 'warming'],
] as const)('an abort after %j is a change of weights alone, and stays one', (events, state) => {
  const { record: before } = along(begun(), ...events);
  expect(before.state).toBe(state);
  const { record } = along(before, 'ABORT');
  expect(record.plan.arms.filter(({ weight }) => weight > 0)).toEqual(course.initial);
  expect(new Set(record.plan.arms.map(({ version }) => version))).toEqual(
    new Set(before.plan.arms.map(({ version }) => version)),
  );
  const ended = along(record, 'DRAINED').record;
  expect(ended.state).toBe('rolled_back');
  for (const type of ['APPLY', 'RESUME', 'PROMOTE', 'PASS', 'ABORT', 'LOADED'] as const)
    expect(() => along(ended, type)).toThrow(/rolled_back/);
});

test('whatever happens in whatever order, the weights add up and only taken events change anything', () => {
  const random = seededRandom(5);
  const types = [
    'LOADED',
    'WARMED',
    'TESTED',
    'PLACED',
    'PASS',
    'FAIL',
    'INCONCLUSIVE',
    'DEADLINE',
    'BROKEN',
    'DRAINED',
    'PAUSE',
    'RESUME',
    'PROMOTE',
    'ABORT',
  ] as const;
  for (let history = 0; history < 200; history++) {
    let record = begun();
    const entries = [record.last];
    for (let i = 0; i < 25; i++) {
      const type = types[Math.floor(random() * types.length)] ?? 'ABORT';
      if (!moved(course, record.snapshot, { type })) continue;
      record = along(record, type).record;
      entries.push(record.last);
      expect(armsTotal(record.plan.arms)).toBe(10_000);
      expect(record.plan.revision).toBe(entries.length);
    }
    expect(replay(entries, noJudge)).toMatchObject({ same: true, entries: entries.length });
  }
});

test('a deadline before it ever served ends in failed, with what was before', () => {
  const { record } = along(begun(), 'LOADED', 'DEADLINE', 'DRAINED');
  expect(record.state).toBe('failed');
  expect(record.plan.arms).toEqual(course.initial);
});

test('no verdict in time rolls back, or holds where the spec says so', () => {
  expect(along(begun(), ...READY, 'INCONCLUSIVE').record.state).toBe('aborting');
  const holding = along(begun({ ...course, onInconclusive: 'hold' }), ...READY, 'INCONCLUSIVE').record;
  expect(holding.state).toBe('paused');
  expect(along(holding, 'RESUME').record).toMatchObject({ state: 'step', step: 0 });
});

test('an arm that fails gives its share to the control, and an experiment is never promoted without a name', () => {
  const three = [arm('a', '1', 4_000), arm('b', '2', 3_000), arm('c', '3', 3_000)];
  const ab: ReleaseCourse = {
    ...course,
    strategy: 'ab',
    control: 'a',
    initial: [arm('a', '1', 10_000)],
    loading: [arm('a', '1', 10_000), arm('b', '2', 0), arm('c', '3', 0)],
    steps: [{ arms: three, gate: 'analysis', minMs: 0, maxMs: 1_000, pauseAfter: false }],
    promoted: three,
  };
  const step = along(begun(ab), ...READY).record;
  const failed = advance(step, { event: { type: 'FAIL', arm: 'b' }, by: 'test', why: '' }, now);
  expect(failed.plan.arms.map(({ weight }) => weight)).toEqual([7_000, 0, 3_000]);
  expect(() => along(failed, 'PROMOTE')).toThrow(/name the arm that won/);
  const won = advance(failed, { event: { type: 'PROMOTE', arm: 'c' }, by: 'test', why: '' }, now);
  expect(won.plan.arms.filter(({ weight }) => weight > 0)).toEqual([arm('c', '3', 10_000)]);
  expect(advance(failed, { event: { type: 'FAIL', arm: 'c' }, by: 'test', why: '' }, now).state).toBe(
    'aborting',
  );
});

test('stable and previous move with the promotion and come back with a rollback', () => {
  const promoting = along(begun(), ...READY, 'PASS', 'PASS', 'PROMOTE').record;
  expect(aliasesOf(promoting)).toEqual({ stable: '2'.repeat(64), previous: '1'.repeat(64) });
  expect(aliasesOf(along(promoting, 'ABORT').record)).toEqual(course.aliases);
  expect(aliasesOf(along(promoting, 'PLACED', 'DRAINED').record)).toBeUndefined();
  expect(aliasesOf(along(begun(), ...READY).record)).toBeUndefined();
});

test.each([
  [
    'a changed reason',
    (entries: ReleaseRecord['last'][]) => entries.map((one, i) => (i === 2 ? { ...one, why: 'other' } : one)),
    3,
  ],
  ['a missing entry', (entries: ReleaseRecord['last'][]) => entries.filter((_, i) => i !== 2), 3],
  [
    'two entries changed places',
    ([a, b, c, d, ...rest]: ReleaseRecord['last'][]) => [a, b, d, c, ...rest] as ReleaseRecord['last'][],
    3,
  ],
])('%s is found by the replay, at its place', (_, change, seq) => {
  const { entries } = along(begun(), ...READY, 'PASS');
  expect(replay(entries, noJudge).same).toBe(true);
  expect(replay(change(entries), noJudge)).toMatchObject({ same: false, seq });
});
