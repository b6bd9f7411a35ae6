import { expect, test } from 'vitest';
import { CompressionRecipe } from '../../../contracts/compression-recipe.js';
import { GraphBuilder } from '../builder.js';
import { distilled } from '../distil/distil.js';
import { multilayer } from '../models/mlp.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { seeded } from '../seeded.js';
import { openSession, type Tensors } from '../session.js';
import { float32, floatValues, int64, numberValues, type Tensor } from '../tensor.js';
import { tuned, type Batches } from '../training/tune.js';
import { applyRecipe, asCarriedOut, type RecipeData } from './apply.js';
import { figuresOf } from './figures.js';
import { objections } from './guard.js';

const [ROWS, CLASSES, INPUTS] = [64, 5, 16];

/** Points around five centres. */
function drawn(step: number): { x: Tensor; labels: Tensor } {
  const random = seeded(1_000 + step);
  const centres = seeded(7).normals(CLASSES * INPUTS, 0.9);
  const labels = Array.from({ length: ROWS }, () => Math.floor(random.uniform() * CLASSES));
  const values = labels.flatMap((label) =>
    Array.from({ length: INPUTS }, (_, i) => (centres[label * INPUTS + i] ?? 0) + random.normal()),
  );
  return { x: float32([ROWS, INPUTS], values), labels: int64([ROWS], labels) };
}

const batches: Batches = { loss: { kind: 'crossEntropy' }, bind: { batch: ROWS }, batch: drawn, count: 20 };

async function measure(model: Uint8Array): Promise<number> {
  await using session = await openSession(model);
  let right = 0;
  for (let step = 100; step < 108; step++) {
    const { x, labels } = drawn(step);
    const scores = floatValues((await session.run({ x }))['probabilities'] ?? x);
    numberValues(labels).forEach((label, row) => {
      const own = scores.subarray(row * CLASSES, (row + 1) * CLASSES);
      if (own.indexOf(Math.max(...own)) === label) right++;
    });
  }
  return right / (8 * ROWS);
}

const data: RecipeData = { batches, samples: () => [0, 1].map((step) => ({ x: drawn(step).x })), measure };
const parent = tuned(multilayer({ inputs: INPUTS, hidden: [64, 32], classes: CLASSES, seed: 1 }), batches, {
  steps: 120,
  rate: 5e-3,
});
const steps = (list: readonly unknown[]) => CompressionRecipe.parse({ steps: list }).steps;

test('thinned, tuned and rounded: a fraction of the bytes, nearly the accuracy, and the same bytes again', async () => {
  const before = await parent;
  const recipe = steps([
    { kind: 'thin', keep: 0.4, steps: 60, rate: 3e-3 },
    { kind: 'masked', share: 0.9 },
  ]);
  const [first, second] = [await applyRecipe(before, recipe, data), await applyRecipe(before, recipe, data)];
  expect(Buffer.compare(first.model, second.model)).toBe(0);
  expect(first.model.length).toBeLessThan(0.5 * before.length);
  expect(first.steps.map(({ step }) => step)).toEqual(['1, thin', '2, masked']);
  expect(await measure(first.model)).toBeGreaterThan((await measure(before)) - 0.05);
});

test('a step that went by latency says by which widths the same bytes come without measuring', async () => {
  const before = await parent;
  const example = { x: drawn(1).x };
  const recipe = steps([{ kind: 'thin', latency: 0.95, worth: 'magnitude', steps: 4 }]);
  const first = await applyRecipe(before, recipe, { ...data, example });
  const found = asCarriedOut(recipe, first.steps);
  expect(found).toEqual([
    { kind: 'thin', worth: 'magnitude', steps: 4, rate: 1e-3, widths: expect.any(Object) as unknown },
  ]);
  const again = await applyRecipe(before, found, data);
  expect(Buffer.compare(again.model, first.model)).toBe(0);
  await expect(applyRecipe(before, recipe, data)).rejects.toThrow(/Step "1, thin": .* no example/);
  expect(() => steps([{ kind: 'thin' }])).toThrow(/or both, or .+widths.+ alone/);
  expect(() => steps([{ kind: 'thin', keep: 0.5, widths: {} }])).toThrow(/or both, or .+widths.+ alone/);
});

test('every kind of step runs', async () => {
  for (const list of [
    [
      { kind: 'thin', keep: 0.6, worth: 'activation', steps: 0 },
      { kind: 'tune', steps: 5 },
      { kind: 'dynamic' },
    ],
    [
      { kind: 'sparsify', share: 0.5, rounds: 2, steps: 10 },
      { kind: 'static', calibrator: 'entropy' },
    ],
    [
      { kind: 'thin', keep: 0.6, worth: 'magnitude', steps: 0 },
      { kind: 'blockwise', blockSize: 16 },
    ],
    [{ kind: 'feedback', drop: 0.2, fourBits: true, steps: 5 }],
    [{ kind: 'float16' }],
  ]) {
    const { model } = await applyRecipe(await parent, steps(list), data);
    expect(model.length).toBeLessThan((await parent).length);
    await measure(model);
  }
});

test('a network without maps cannot be pooled, and the refusal names the step', async () => {
  const recipe = steps([{ kind: 'pool', keep: 0.5, trialSteps: 2 }]);
  await expect(applyRecipe(await parent, recipe, data)).rejects.toThrow(
    /Step "1, pool": No value of this network is a map/,
  );
});

test('a refusal says which step and why', async () => {
  const model = await parent;
  await expect(applyRecipe(model, steps([{ kind: 'float16' }, { kind: 'tune' }]), data)).rejects.toThrow(
    /Step 2 \(tune\) comes after float16/,
  );
  await expect(applyRecipe(model, steps([{ kind: 'tune' }]), {})).rejects.toThrow(
    /Step "1, tune": It learns, and there are no labelled data/,
  );
  await expect(applyRecipe(model, steps([{ kind: 'static' }]), { samples: () => [] })).rejects.toMatchObject({
    code: 'DATA_REFUSED',
  });
});

test('calibration data of another shape or without numbers, and an operator without gradient, are refused with step and place; the parent stays as it is', async () => {
  const model = await parent;
  const before = Buffer.from(model);
  const sampled = (x: Tensor): RecipeData => ({ samples: () => [{ x }] });
  const wrong = sampled(float32([1, INPUTS + 1], new Float32Array(INPUTS + 1)));
  const nan = sampled(float32([1, INPUTS], new Float32Array(INPUTS).fill(NaN)));
  for (const [given, why] of [
    [wrong, /Step "1, static": Calibration sample 1: /],
    [nan, /Step "1, static": Calibration sample 1: .* NaN or infinite/],
  ] as const) {
    const refused = applyRecipe(model, steps([{ kind: 'static' }]), given);
    await expect(refused).rejects.toThrow(why);
    await expect(refused).rejects.toMatchObject({ code: 'DATA_REFUSED' });
  }
  expect(before.equals(model)).toBe(true);

  const g = new GraphBuilder({ opset: 17 });
  const w = g.constant('w', float32([INPUTS, INPUTS], new Float32Array(INPUTS * INPUTS).fill(0.1)));
  const picture = g.op('Reshape', [
    g.op('MatMul', [g.input('x', T.FLOAT, [ROWS, INPUTS]), w]),
    g.ints([ROWS, 1, 4, 4]),
  ]);
  const grid = g.constant('grid', float32([ROWS, CLASSES, 1, 2], new Float32Array(ROWS * CLASSES * 2)));
  const scores = g.op('Reshape', [g.op('GridSample', [picture, grid]), g.ints([ROWS, CLASSES])]);
  g.output(g.op('Softmax', [scores], { axis: -1 }), T.FLOAT, [ROWS, CLASSES], 'probabilities');
  const refused = applyRecipe(g.bytes(), steps([{ kind: 'tune', steps: 1 }]), { batches });
  await expect(refused).rejects.toThrow(/Step "1, tune": .*GridSample/);
  await expect(refused).rejects.toMatchObject({ code: 'UNSUPPORTED' });
});

test('a candidate that is slower, larger or worse than allowed is refused with its figures', async () => {
  const { budget } = CompressionRecipe.parse({ steps: [{ kind: 'float16' }] });
  const before = { bytes: 1_000, p50Ms: 1, figure: 0.9 };
  expect(objections(before, { bytes: 500, p50Ms: 0.5, figure: 0.899 }, budget)).toEqual([]);
  const found = objections(before, { bytes: 1_200, p50Ms: 0.98, figure: 0.85 }, budget);
  expect(found.map((one) => one.split(' ').slice(0, 3).join(' '))).toEqual([
    'It takes 1200',
    'Its median is',
    'It reaches 0.8500',
  ]);
  const [own] = await figuresOf([await parent], { x: drawn(1).x }, 5);
  expect(own?.bytes).toBe((await parent).length);
  expect(own?.p99Ms).toBeGreaterThanOrEqual(own?.p50Ms ?? Infinity);
});

test('a small student learns from outputs alone, from inner values, and under noise', async () => {
  await using large = await openSession(await parent);
  const teacher = (inputs: Tensors) => large.run(inputs);
  const student = multilayer({ inputs: INPUTS, hidden: [8], classes: CLASSES, seed: 3 });
  const options = { teacher, output: 'probabilities', batches, steps: 120, rate: 1e-2 };
  const untaught = await measure(student);
  const plain = await distilled(student, options);
  expect(await measure(plain)).toBeGreaterThan(untaught + 0.3);
  expect(Buffer.compare(await distilled(student, options), plain)).toBe(0);
  const jittered = await distilled(student, { ...options, jitter: 0.3, share: 1 });
  expect(await measure(jittered)).toBeGreaterThan(untaught + 0.3);
  const hints = [{ student: 'Relu_1', teacher: 'probabilities', channels: CLASSES, weight: 0.5 }];
  expect(await measure(await distilled(student, { ...options, hints }))).toBeGreaterThan(untaught + 0.3);
});

test('a teacher without probabilities, and a hint of nothing, are refused', async () => {
  const student = multilayer({ inputs: INPUTS, hidden: [8], classes: CLASSES, seed: 3 });
  const base = { output: 'y', batches, steps: 2, rate: 1e-2 };
  const scores = (): Promise<Tensors> =>
    Promise.resolve({ y: float32([ROWS, CLASSES], new Float32Array(ROWS * CLASSES).fill(3)) });
  await expect(distilled(student, { ...base, teacher: scores })).rejects.toThrow(/no probabilities/);
  const hints = [{ student: 'nothing', teacher: 'y', channels: 2, weight: 1 }];
  await expect(distilled(student, { ...base, teacher: scores, hints })).rejects.toThrow(
    /"nothing" has no known/,
  );
});
