import { expect, test } from 'vitest';
import { GraphBuilder } from '../builder.js';
import { costOf } from '../cost.js';
import { copyModel } from '../extract.js';
import { Graph } from '../graph.js';
import { convolutional, googLeNetLike } from '../models/convolutional.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { seeded } from '../seeded.js';
import type { Tensors } from '../session.js';
import { inferShapes } from '../shape.js';
import { float32, floatValues, int64 } from '../tensor.js';
import { largestDifference, outputsOf } from '../testing/outputs.js';
import type { Batches } from '../training/tune.js';
import { middle } from './interest.js';
import { mapsOf, place, placements, type Placement } from './places.js';
import { leastLoss, pooled } from './pool.js';
import { areaMatrix } from './region.js';
import { newPlace, WHOLE } from './view.js';

const image: Tensors = { image: float32([2, 3, 16, 16], seeded(6).normals(2 * 3 * 256, 1)) };

/** A convolution without anything behind it, the mean of 2 x 2 by a pool of its own or by the convolution. */
function oneConv(pool: boolean): Uint8Array {
  const g = new GraphBuilder({ opset: 17 });
  const w = g.constant('w', float32([4, 3, 3, 3], seeded(1).normals(108, 0.3)));
  const b = g.constant('b', float32([4], seeded(2).normals(4, 0.3)));
  const made = g.op('Conv', [g.input('image', T.FLOAT, ['batch', 3, 16, 16]), w, b], { pads: [1, 1, 1, 1] });
  const half = { kernel_shape: [2, 2], strides: [2, 2] };
  g.output(
    g.op('GlobalMaxPool', [pool ? g.op('AveragePool', [made], half) : made]),
    T.FLOAT,
    ['batch', 4, 1, 1],
    'y',
  );
  return g.bytes();
}

function placed(
  model: Uint8Array,
  placement: Partial<Placement> & Pick<Placement, 'value' | 'kind'>,
): Uint8Array {
  const graph = Graph.read(model);
  place(graph, inferShapes(graph), { height: 8, width: 8, box: WHOLE, ...placement });
  return graph.write();
}

test('an average right behind a convolution is one convolution with the same answers', async () => {
  const model = oneConv(false);
  const [conv] = Graph.read(model).nodes;
  const folded = placed(model, { value: conv?.output[0] ?? '', kind: 'average' });
  expect(Graph.read(folded).nodes.map(({ opType }) => opType)).not.toContain('AveragePool');
  const [a, b] = [await outputsOf(oneConv(true), image), await outputsOf(folded, image)];
  expect(largestDifference(a, b)).toBeLessThan(1e-5);
});

test('a region by matrices, with parts of rows, equals the mean over its area', async () => {
  expect([...areaMatrix(4, 2, [0, 1])]).toEqual([0.5, 0.5, 0, 0, 0, 0, 0.5, 0.5]);
  const third = [...areaMatrix(4, 3, [0, 1])].map((value) => Number(value.toFixed(3)));
  expect(third).toEqual([0.75, 0.25, 0, 0, 0, 0.5, 0.5, 0, 0, 0, 0.25, 0.75]);
  expect([...areaMatrix(4, 1, [0.25, 0.75])]).toEqual([0, 0.5, 0.5, 0]);
  const model = oneConv(false);
  const at = { value: 'image', kind: 'region' as const };
  const box = { top: 0.25, left: 0.25, bottom: 0.75, right: 0.75 };
  const even = placed(model, { ...at, box, height: 4, width: 4 });
  const matrices = placed(model, { ...at, box: { ...box, right: 0.7500001 + 1e-5 }, height: 4, width: 4 });
  expect(Graph.read(even).nodes.map(({ opType }) => opType)).toContain('Slice');
  expect(Graph.read(matrices).nodes.map(({ opType }) => opType)).toContain('MatMul');
  expect(largestDifference(await outputsOf(even, image), await outputsOf(matrices, image))).toBeLessThan(
    1e-3,
  );
});

test('what is constant over the picture is answered the same behind a Flatten: weights are summed over what a place covers', async () => {
  const options = { channels: 3, height: 16, width: 16, classes: 5, seed: 2 };
  const model = convolutional({ ...options, blocks: [{ filters: 4, kernel: 1 }], hidden: [8] });
  const flat = float32(
    [1, 3, 16, 16],
    Float32Array.from({ length: 768 }, (_, i) => 0.3 + Math.floor(i / 256)),
  );
  for (const kind of ['max', 'average', 'region'] as const)
    expect(
      largestDifference(
        await outputsOf(model, { image: flat }),
        await outputsOf(placed(model, { value: 'image', kind }), { image: flat }),
      ),
    ).toBeLessThan(1e-4);
  expect([0, 1, 2, 3, 4, 5, 6].map((old) => newPlace(old, 7, 5, [4 / 28, 24 / 28]))).toEqual([
    undefined,
    0,
    1,
    2,
    3,
    4,
    undefined,
  ]);
});

/** A residual sum and a Concat whose other sides come from before the pool. */
function branches(): Uint8Array {
  const g = new GraphBuilder({ opset: 17 });
  const conv = (x: string, name: string, from: number, to: number): string => {
    const w = g.constant(name, float32([to, from, 3, 3], seeded(to).normals(9 * from * to, 0.2)));
    return g.op('Relu', [g.op('Conv', [x, w], { pads: [1, 1, 1, 1] })]);
  };
  const x = conv(g.input('image', T.FLOAT, ['batch', 3, 16, 16]), 'a', 3, 6);
  const inner = conv(x, 'b', 6, 6);
  const sum = g.op('Add', [inner, x]);
  const both = g.op('Concat', [sum, conv(sum, 'c', 6, 4)], { axis: 1 });
  const shaped = g.op('Reshape', [both, g.constant('shape', int64([2], [-1, 10 * 256]))]);
  const end = g.constant('end', float32([2560, 5], seeded(9).normals(12800, 0.05)));
  g.output(g.op('Softmax', [g.op('MatMul', [shaped, end])], { axis: -1 }), T.FLOAT, ['batch', 5], 'y');
  return g.bytes();
}

test('sums, Concats and branches get maps of one size, whichever map is pooled and however', async () => {
  const models = [
    branches(),
    googLeNetLike({ channels: 3, height: 16, width: 16, classes: 5, seed: 1, base: 4 }),
  ];
  for (const model of models) {
    const graph = Graph.read(model);
    const types = inferShapes(graph);
    const maps = mapsOf(graph, types);
    expect(maps.length).toBeGreaterThan(3);
    for (const value of maps) {
      const [, , height = 0, width = 0] = types.get(value)?.shape?.map(Number) ?? [];
      const box = { ...WHOLE, top: 1 / height, bottom: (height - 1) / height };
      for (const placement of placements(value, { height, width }, box, ['max', 'average', 'region'])) {
        const copy = copyModel(graph);
        try {
          place(copy, types, placement);
        } catch (error) {
          // Two branches that became smaller by different ways meet nowhere.
          expect(String(error)).toMatch(/different sizes|would be left/);
          continue;
        }
        const [answer] = Object.values(await outputsOf(copy.write(), image));
        expect(answer?.dims).toEqual([2, 5]);
        expect(floatValues(answer ?? float32([0], [])).every(Number.isFinite)).toBe(true);
      }
    }
  }
});

test('rows at the rim that say nothing go, in even numbers', () => {
  expect(middle([0, 0, 5, 9, 9, 9, 5, 0])).toEqual([1, 7]);
  expect(middle([3, 4, 5])).toEqual([0, 3]);
  expect(middle([0, 0, 0, 0])).toEqual([0, 4]);
});

test('the place is chosen by the least loss of those that save enough, before that by loss for what is saved', () => {
  const [a, b, c] = [
    { share: 0.4, loss: 1.2 },
    { share: 0.45, loss: 1.1 },
    { share: 0.7, loss: 1.01 },
  ];
  expect(leastLoss([a, b, c], 1, 1, 0.5)).toBe(b);
  expect(leastLoss([a, c], 1, 1, 0.3)).toBe(c);
  expect(leastLoss([], 1, 1, 0.3)).toBeUndefined();
});

const ROWS = 32;

/** A bright spot in one of four quarters of the middle; the rim is empty. */
function spots(step: number): Tensors {
  const random = seeded(500 + step);
  const labels = Array.from({ length: ROWS }, () => Math.floor(random.uniform() * 4));
  const data = new Float32Array(ROWS * 256);
  labels.forEach((label, row) => {
    for (let y = 4; y < 12; y++)
      for (let x = 4; x < 12; x++) data[row * 256 + y * 16 + x] = 0.3 * random.normal();
    const [y, x] = [4 + 4 * (label >> 1), 4 + 4 * (label & 1)];
    for (let i = 0; i < 4; i++) data[row * 256 + (y + i) * 16 + x + i] = 1.5;
  });
  return { image: float32([ROWS, 1, 16, 16], data), labels: int64([ROWS], labels) };
}

test('the cheapest place of little loss is found: the empty rim goes, and the same answer comes twice', async () => {
  const batches: Batches = { loss: { kind: 'crossEntropy' }, bind: { batch: ROWS }, batch: spots, count: 30 };
  const options = { channels: 1, height: 16, width: 16, classes: 4, seed: 4 };
  const model = convolutional({
    ...options,
    blocks: [
      { filters: 8, kernel: 3 },
      { filters: 8, kernel: 3 },
    ],
  });
  const given = {
    keep: 0.5,
    kinds: ['max', 'average', 'region'] as const,
    batches,
    samples: () => [spots(90)].map(({ image }) => ({ image: image ?? float32([0], []) })),
    trialSteps: 6,
    rate: 3e-3,
  };
  const { model: small, report } = await pooled(model, given);
  expect(report.keptShare).toBeLessThanOrEqual(0.5);
  const macs = (bytes: Uint8Array): number => costOf(Graph.read(bytes), { bind: { batch: 1 } }).macs;
  expect(macs(small) / macs(model)).toBeCloseTo(report.keptShare, 5);
  expect(report.trials.map(({ what }) => what)).toContain('region to 8 x 8 at image');
  expect(Buffer.compare((await pooled(model, given)).model, small)).toBe(0);
  await expect(pooled(model, { ...given, keep: 0.0001 })).rejects.toThrow(/at best; 0.0001 were wanted/);
});

test('a network without maps is refused', async () => {
  const g = new GraphBuilder({ opset: 17 });
  g.output(g.op('Relu', [g.input('x', T.FLOAT, ['batch', 8])]), T.FLOAT, ['batch', 8], 'y');
  const nothing = { keep: 0.5, kinds: ['max'] as const, trialSteps: 2, rate: 1e-3, samples: () => [] };
  const batches: Batches = { loss: { kind: 'crossEntropy' }, bind: {}, batch: () => ({}), count: 1 };
  await expect(pooled(g.bytes(), { ...nothing, batches })).rejects.toMatchObject({ code: 'MODEL_REFUSED' });
});
