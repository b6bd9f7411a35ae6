import { expect, test } from 'vitest';
import { CompressionRecipe } from '../../../contracts/compression-recipe.js';
import { Graph } from '../graph.js';
import { convolutional } from '../models/convolutional.js';
import { multilayer } from '../models/mlp.js';
import { applyRecipe, type RecipeData } from '../recipe/apply.js';
import { seeded } from '../seeded.js';
import { openSession, type Tensors } from '../session.js';
import { float32, floatValues, int64, type Tensor } from '../tensor.js';
import { tuned, type Batches } from '../training/tune.js';
import { translated } from './class-map.js';
import { hintPairs } from './hint-pairs.js';

const [ROWS, CLASSES, INPUTS] = [64, 5, 16];
const centres = seeded(7).normals(CLASSES * INPUTS, 0.9);

/** Points around five centres; after a drift everything has the other sign. */
function drawn(step: number, sign = 1): { x: Tensor; labels: Tensor } {
  const random = seeded(1_000 + step);
  const labels = Array.from({ length: ROWS }, () => Math.floor(random.uniform() * CLASSES));
  const values = labels.flatMap((label) =>
    Array.from(
      { length: INPUTS },
      (_, i) => sign * ((centres[label * INPUTS + i] ?? 0) + 0.7 * random.normal()),
    ),
  );
  return { x: float32([ROWS, INPUTS], values), labels: int64([ROWS], labels) };
}

const batches: Batches = {
  loss: { kind: 'crossEntropy' },
  bind: { batch: ROWS },
  batch: (step) => drawn(step),
  count: 20,
};
const network = (hidden: number[], seed: number, classes = CLASSES) =>
  multilayer({ inputs: INPUTS, hidden, classes, seed });
const parent = tuned(network([64, 32], 1), batches, { steps: 200, rate: 5e-3 });

async function right(model: Uint8Array, sign = 1): Promise<number> {
  await using session = await openSession(model);
  let count = 0;
  for (let step = 100; step < 108; step++) {
    const { x, labels } = drawn(step, sign);
    const scores = floatValues((await session.run({ x }))['probabilities'] ?? x);
    Array.from(labels.data as BigInt64Array).forEach((label, row) => {
      const own = scores.subarray(row * CLASSES, (row + 1) * CLASSES);
      if (own.indexOf(Math.max(...own)) === Number(label)) count++;
    });
  }
  return count / (8 * ROWS);
}

const recipe = (step: object) =>
  CompressionRecipe.parse({ steps: [{ kind: 'distil', rate: 1e-2, ...step }] }).steps;
const detail = ({ steps: [first] }: { steps: readonly { detail: unknown }[] }) => first?.detail;

test('what is left of a network learns from the whole of it, inner values included', async () => {
  const before = await parent;
  const given = recipe({ student: { from: 'parent', keep: 0.3 }, hints: 2, steps: 100 });
  const made = await applyRecipe(before, given, { batches });
  expect(made.model.length).toBeLessThan(0.5 * before.length);
  expect(await right(made.model)).toBeGreaterThan((await right(before)) - 0.03);
  expect(detail(made)).toMatchObject({
    student: 'parent',
    teacher: 'the version itself',
    hints: [expect.any(String), expect.any(String)],
  });
  expect(Buffer.compare((await applyRecipe(before, given, { batches })).model, made.model)).toBe(0);
});

test('after a drift a version learns from a teacher behind an endpoint, on samples that nobody labelled', async () => {
  const [DRIFT, before] = [-1, await parent];
  const drifted: Batches = { ...batches, batch: (step) => drawn(step, step % 2 ? DRIFT : 1) };
  await using teacher = await openSession(
    await tuned(network([64, 32], 5), drifted, { steps: 300, rate: 5e-3 }),
  );
  const asked: string[] = [];
  const data: RecipeData = {
    samples: () => Array.from({ length: 20 }, (_, step) => ({ x: drawn(step, DRIFT).x })),
    teachers: (endpoint) => {
      asked.push(endpoint);
      return (inputs) => teacher.run(inputs);
    },
  };
  const lost = (await right(before)) - (await right(before, DRIFT));
  expect(lost).toBeGreaterThan(0.1);
  const { model } = await applyRecipe(before, recipe({ teacher: { endpoint: 'wise' }, steps: 50 }), data);
  expect((await right(before)) - (await right(model, DRIFT))).toBeLessThan(0.1 * lost);
  expect(asked).toEqual(['wise']);
});

test('a teacher of another task teaches the classes that both know', async () => {
  const turned = [3, null, 0, 1, 2] as const; // the teacher's class 0 is our 3, its 1 is none of ours
  const of = new Map(turned.map((own, theirs) => [own, theirs]));
  const foreign: Batches = {
    ...batches,
    batch: (step) => {
      const { x, labels } = drawn(step);
      const theirs = Array.from(labels.data as BigInt64Array, (own) => of.get(Number(own) as 0) ?? 1);
      return { x, labels: int64([ROWS], theirs) };
    },
  };
  await using teacher = await openSession(await tuned(network([64], 9), foreign, { steps: 200, rate: 5e-3 }));
  const student = network([16], 3);
  const step = { teacher: { endpoint: 'other', classes: [...turned] }, share: 1, steps: 100 };
  const data: RecipeData = { batches, teachers: () => (inputs) => teacher.run(inputs) };
  const { model } = await applyRecipe(student, recipe(step), data);
  expect(await right(model)).toBeGreaterThan((await right(student)) + 0.3);
  const short = { teacher: { endpoint: 'other', classes: [0, 1] }, steps: 1 };
  await expect(applyRecipe(student, recipe(short), data)).rejects.toThrow(
    /2 entries; the teacher tells 5 classes/,
  );
});

test('probabilities are moved and made whole; where the teacher says nothing the label speaks', () => {
  const said = float32([3, 3], [0.6, 0.2, 0.2, 0.01, 0.01, 0.98, 0.01, 0.01, 0.98]);
  const moved = translated(said, [1, 0, null], 2, int64([3], [0, 1, 0]));
  expect([...floatValues(moved)].map((value) => Math.round(value * 100) / 100)).toEqual([
    0.25, 0.75, 0, 1, 1, 0,
  ]);
  expect([...floatValues(translated(said, [1, 0, null], 2))].slice(2)).toEqual([0.5, 0.5, 0.5, 0.5]);
});

test('hints join values of the same places, by name or at the same depth', () => {
  const images = { channels: 1, height: 8, width: 8, classes: 3 };
  const [small, large] = [4, 16].map((filters) =>
    Graph.read(
      convolutional({
        ...images,
        seed: 1,
        blocks: [{ filters, kernel: 3 }, 'pool', { filters, kernel: 3 }],
        hidden: [filters],
      }),
    ),
  );
  expect(small && large && hintPairs(small, large, 9).map(({ channels }) => channels)).toEqual(
    expect.arrayContaining([16]),
  );
  const wide = Graph.read(network([64], 1));
  expect(hintPairs(Graph.read(network([8], 1)), wide, 3)).toEqual([
    { student: 'Relu_1', teacher: 'Relu_1', channels: 64 },
  ]);
});

test('a student that does not fit, hints of a teacher that shows none, and nothing to learn from are refused', async () => {
  const before = await parent;
  const data: RecipeData = {
    batches,
    teachers: () => () => Promise.resolve({ y: float32([ROWS, 3], new Float32Array(3 * ROWS).fill(1 / 3)) }),
  };
  const wrong: readonly [object, RecipeData, RegExp][] = [
    [
      { teacher: { endpoint: 'other' }, steps: 1 },
      data,
      /Step "1, distil": The teacher tells 3 classes, the student 5/,
    ],
    [{ teacher: { endpoint: 'other' }, hints: 1, steps: 1 }, data, /shows no inner values/],
    [{ hints: 8, steps: 1 }, data, /8 hints were asked for/],
    [
      { student: { from: 'network', network: { kind: 'mlp', hidden: [4] } }, steps: 1 },
      data,
      /what goes into this one is not known/,
    ],
    [{ steps: 1 }, {}, /neither labelled data nor samples/],
    [
      { student: { from: 'parent', keep: 0.5 }, steps: 1 },
      { samples: () => [{ x: drawn(1).x }] },
      /labelled data/,
    ],
    [{ teacher: { endpoint: 'other' }, steps: 1 }, { batches }, /Nobody here can ask/],
  ];
  for (const [step, given, why] of wrong)
    await expect(applyRecipe(before, recipe(step), given)).rejects.toThrow(why);
  const two: Tensors[] = [{ x: drawn(1).x }, { x: float32([1, 9], new Float32Array(9)) }];
  await expect(applyRecipe(before, recipe({ steps: 1 }), { samples: () => two })).rejects.toThrow(
    /Sample 2 is x \[9\]/,
  );
});
