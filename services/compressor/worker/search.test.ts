import { expect, test } from 'vitest';
import { COMPRESSION_RECIPES } from '../../../contracts/compression-recipes.js';
import { systemClock } from '../../mesh/clock.js';
import { multilayer } from '../../onnx/models/mlp.js';
import { seeded } from '../../onnx/seeded.js';
import { float32, int64 } from '../../onnx/tensor.js';
import { identity } from '../../onnx/testing/identity.js';
import type { Batches } from '../../onnx/training/tune.js';
import { best, withPareto } from './choose.js';
import type { Proof } from './proof.js';
import { search, type SearchParts } from './search.js';

const x = float32([4, 16], seeded(1).normals(64, 1));
const proof: Proof = {
  figure: 'agreement',
  samples: () => [{ x }],
  measure: () => Promise.resolve(1),
  examples: 4,
  feeds: { x },
  digest: '',
};
const parts = (parent: Uint8Array, size: number, feeds = proof.feeds): SearchParts => ({
  how: { kind: 'target', target: { size, drop: 0.5, budgetMs: 60_000 } },
  parent,
  proof: { ...proof, feeds, samples: () => [feeds] },
  threads: 1,
  folder: '',
  clock: systemClock,
  tried: () => undefined,
});

test('every recipe that the data allow is tried, and those that are said to keep the target keep it', async () => {
  const parent = multilayer({ inputs: 16, hidden: [64, 64], classes: 3, seed: 1 });
  const trials = withPareto(await search(parts(parent, 0.4), []));
  expect(trials.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['int8', 'int8-dynamic', 'int4', 'float16']),
  );
  expect(trials.map(({ name }) => name)).not.toContain('half');
  for (const { meets, size, why } of trials)
    expect(meets).toBe(size !== undefined && size <= 0.4 && why === undefined);
  expect(best(trials)?.size).toBeLessThanOrEqual(0.4);
  expect(best(await search(parts(parent, 0.01), []))).toBeUndefined();
});

test('who asks for latency gets channels that go until it is measured, and what was tried can be made again', async () => {
  const parent = multilayer({ inputs: 16, hidden: [256, 256], classes: 3, seed: 1 });
  const batch = () => ({ x, labels: int64([4], [0, 1, 2, 0]) });
  const batches: Batches = { loss: { kind: 'crossEntropy' }, bind: { batch: 4 }, batch, count: 1 };
  const { how: _, ...rest } = parts(parent, 1);
  const how = { kind: 'target' as const, target: { latency: 0.9, drop: 1, budgetMs: 1_000 } };
  const done = COMPRESSION_RECIPES.map(({ name, recipe }) => ({ name, recipe, pareto: false, meets: false }));
  const trials = await search({ ...rest, how, proof: { ...proof, batches } }, done);
  const [step] = trials.find(({ name }) => name === 'thin-to-latency')?.recipe.steps ?? [];
  expect(step).toMatchObject({ kind: 'thin', widths: expect.any(Object) as unknown });
});

test('recipes for which no time is left are not begun, and not told as tried', async () => {
  let now = 0;
  const clock = { ...systemClock, monotonicMs: () => (now += 25_000) };
  const told: number[] = [];
  const parent = multilayer({ inputs: 16, hidden: [64, 64], classes: 3, seed: 1 });
  const tried: SearchParts['tried'] = (trials) => void told.push(trials.length);
  const trials = await search({ ...parts(parent, 0.4), clock, tried }, []);
  expect(told).toEqual([1, 2]);
  expect(trials.slice(2).map(({ why }) => why)).toEqual(
    trials.slice(2).map(() => 'not begun: 60 s were over'),
  );
});

test('a model that no method can change is refused, each recipe with its reason', async () => {
  const nothing = search(parts(identity(), 0.5, { x: float32([1, 2], [1, 2]) }), []);
  await expect(nothing).rejects.toMatchObject({ code: 'MODEL_REFUSED' });
  await expect(nothing).rejects.toThrow(/No method can change this model: int8: .* int4: /);
});
