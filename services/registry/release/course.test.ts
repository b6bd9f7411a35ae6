import { expect, test } from 'vitest';
import type { PlanArm } from '../../../contracts/release.js';
import type { EndpointRecord } from '../../../contracts/registry.js';
import { anEndpoint, aVersion, digestOf } from '../testing/records.js';
import { courseOf } from './course.js';
import { readSpec } from './read-spec.js';

const FP32 = { name: 'x', datatype: 'FP32' as const, shape: [-1, 4], dims: ['n', ''] };
const versions = [
  aVersion({ label: 'v1', inputs: [FP32] }),
  aVersion({ label: 'v2', inputs: [FP32] }),
  aVersion({ label: 'v3', inputs: [FP32] }),
  aVersion({ label: 'wide', inputs: [{ ...FP32, shape: [-1, 8] }] }),
  aVersion({ label: 'old', state: 'archived', inputs: [FP32] }),
];
const resolve = (word: string) => {
  const found = versions.find(({ label }) => label === word || digestOf(`ocr ${label}`) === word);
  if (!found) throw new Error(`no version ${word}`);
  return found;
};
const compile = (
  strategy: Record<string, unknown>,
  more: Record<string, unknown> = {},
  endpoint = anEndpoint('ocr', { v1: 10_000 }, 2),
) =>
  courseOf(
    readSpec({
      endpoint: 'ocr',
      ...(strategy['type'] === 'ab' ? {} : { to: 'v2' }),
      owner: 'ada',
      strategy,
      ...more,
    }),
    {
      endpoint,
      resolve,
      newest: versions.slice(0, 3),
      regions: ['east', 'west'],
    },
  );
const sum = (arms: readonly PlanArm[]) => arms.reduce((total, { weight }) => total + weight, 0);
const ab = (...arms: [string, string, number][]) => ({
  type: 'ab',
  arms: arms.map(([name, version, weight]) => ({ name, version, weight })),
  control: 'a',
  horizonMs: 1_000,
});

test.each([
  { type: 'rolling' },
  { type: 'rolling', maxSurge: 0, maxUnavailable: 1 },
  { type: 'blueGreen', previewMs: 5 },
  { type: 'canary', steps: [{ weight: 100 }, { weight: 2_500 }, { weight: 5_000 }, { weight: 10_000 }] },
  { type: 'shadow', share: 100 },
  { type: 'immediate' },
  ab(['a', 'v1', 3_000], ['b', 'v2', 7_000]),
])('every plan of %j adds up', (strategy) => {
  const course = compile(strategy);
  for (const arms of [
    course.initial,
    course.loading,
    course.promoted,
    ...course.steps.map((step) => step.arms),
  ]) {
    expect(sum(arms)).toBe(10_000);
    expect(new Set(arms.map(({ arm }) => arm)).size).toBe(arms.length);
  }
});

test('a canary has a baseline of its own size beside it, of the old version', () => {
  const [step] = compile({ type: 'canary', steps: [{ weight: 500 }] }).steps;
  expect(step?.arms.map(({ arm, label, weight }) => [arm, label, weight])).toEqual([
    ['stable', 'v1', 9_000],
    ['baseline', 'v1', 500],
    ['canary', 'v2', 500],
  ]);
});

test('rolling never has fewer replicas than allowed nor more than the surge, region by region, and keeps one old until the end', () => {
  for (const [maxSurge, maxUnavailable] of [
    [1, 0],
    [0, 1],
    [2, 1],
  ] as const) {
    const course = compile(
      { type: 'rolling', maxSurge, maxUnavailable },
      {},
      anEndpoint('ocr', { v1: 10_000 }, 4),
    );
    let ready: Record<string, number> = { east: 0, west: 0 };
    for (const arms of [course.loading, ...course.steps.map((step) => step.arms)]) {
      const of = (label: string) => arms.find((one) => one.label === label)?.replicas ?? {};
      const changing = ['east', 'west'].filter((region) => of('v2')[region] !== ready[region]);
      expect(changing.length).toBeLessThanOrEqual(1);
      for (const region of ['east', 'west']) {
        const old = of('v1')[region] ?? 0;
        expect(old).toBeGreaterThanOrEqual(1);
        expect(old + (ready[region] ?? 0)).toBeGreaterThanOrEqual(4 - maxUnavailable);
        if (old > 1) expect(old + (of('v2')[region] ?? 0)).toBeLessThanOrEqual(4 + maxSurge);
      }
      ready = of('v2');
    }
    expect(ready).toEqual({ east: 4, west: 4 });
  }
});

test.each([
  ['weights that do not add up', ab(['a', 'v1', 3_000], ['b', 'v2', 3_000]), {}, /add up to 6000/],
  ['an arm without traffic', ab(['a', 'v1', 10_000], ['b', 'v2', 0]), {}, /"b" has no traffic/],
  ['a version in two arms', ab(['a', 'v1', 5_000], ['b', 'v1', 5_000]), {}, /in two arms/],
  [
    'a control that serves nothing now',
    ab(['a', 'v2', 5_000], ['b', 'v1', 5_000]),
    {},
    /must be what the endpoint serves/,
  ],
  [
    'steps that shrink',
    { type: 'canary', steps: [{ weight: 500 }, { weight: 100 }] },
    {},
    /100 comes after 500/,
  ],
  ['another signature', { type: 'blueGreen' }, { to: 'wide' }, /input "x" with the shape \[-1,8\]/],
  ['an archived version', { type: 'blueGreen' }, { to: 'old' }, /archived/],
  ['what is served already', { type: 'blueGreen' }, { to: 'v1' }, /serves "v1" already/],
  ['a beginning that is not true', { type: 'blueGreen' }, { from: 'v3' }, /begins from "v3"/],
  ['no replica that could change', { type: 'rolling', maxSurge: 0 }, {}, /no replica could ever change/],
  ['nobody left to answer', { type: 'rolling', maxUnavailable: 2 }, {}, /nobody would answer/],
  ['an analysis without two arms', { type: 'blueGreen' }, { analysis: {} }, /no time two arms/],
  [
    'a metric that nobody reports',
    { type: 'shadow', share: 10 },
    { analysis: { metrics: [{ kind: 'errors' }] } },
    /reach no caller/,
  ],
  ['a field that nobody knows', { type: 'canary', steps: [{ weight: 5, until: 3 }] }, {}, /strategy.steps.0/],
  ['no version', { type: 'blueGreen' }, { to: undefined }, /give "to"/],
])('%s: refused with a sentence', (_, strategy, more, sentence) => {
  expect(() => compile(strategy, more)).toThrow(sentence);
});

test('a rule whose arm the release takes away is named before anything happens', () => {
  const endpoint: EndpointRecord = {
    ...anEndpoint('ocr', { v1: 10_000, v3: 0 }),
    rules: [{ name: 'beta', match: { tenants: ['acme'] }, arm: 'v3' }],
  };
  expect(() => compile({ type: 'blueGreen' }, {}, endpoint)).toThrow(/rule "beta".*"v3"/);
});

test('what shall stay loaded stays, with weight 0', () => {
  const { resident } = compile({ type: 'blueGreen' }, { resident: { latest: 2, versions: ['v3'] } });
  expect(resident.map(({ label, weight }) => [label, weight])).toEqual([
    ['v1', 0],
    ['v2', 0],
    ['v3', 0],
  ]);
});
