import { expect, test } from 'vitest';
import { GraphBuilder } from './builder.js';
import { foldConstants } from './fold.js';
import { Graph } from './graph.js';
import { TensorProto_DataType as T } from './proto/onnx_pb.js';
import { seeded } from './seeded.js';
import { elementCount, float32, int64, type Tensor } from './tensor.js';
import { largestDifference, outputsOf } from './testing/outputs.js';
import { ocrRecogniser, sharedModel, sileroVad } from './testing/real-models.js';

const random = seeded(9);
const noise = (...dims: number[]): Tensor => float32(dims, random.normals(elementCount(dims), 0.3));

test.for<[string, Uint8Array | undefined, Record<string, Tensor>, number, number]>([
  ['the recogniser', ocrRecogniser(), { x: noise(1, 3, 48, 64) }, 325, 0],
  ['silero', sileroVad(), { input: noise(1, 576), state: noise(2, 1, 128), sr: int64([], [16_000]) }, 0, 0],
  ['mnist-8', sharedModel('mnist-8.onnx'), { Input3: noise(1, 1, 28, 28) }, 1, 1e-6],
])('%s folded answers the same', async ([, bytes, feeds, atLeast, tolerance], { skip }) => {
  if (bytes === undefined) return skip('the shared data folder is not here');
  const graph = Graph.read(bytes);
  expect(await foldConstants(graph)).toBeGreaterThanOrEqual(atLeast);
  expect(graph.nodes.filter((node) => node.opType === 'Constant')).toEqual([]);
  // mnist-8 reshapes a weight matrix: once that is a constant, onnxruntime packs it and adds in another order.
  const difference = largestDifference(await outputsOf(bytes, feeds), await outputsOf(graph.write(), feeds));
  expect(difference).toBeLessThanOrEqual(tolerance);
});

test('a chain of constants becomes one, computed by the runtime', async () => {
  const g = new GraphBuilder();
  const x = g.input('x', T.FLOAT, [2]);
  const sum = g.op('Add', [g.float([1, 2]), g.op('Exp', [g.float([0, 1])])]);
  g.output(g.op('Mul', [x, g.op('Sqrt', [sum])], {}, { outputs: ['y'] }), T.FLOAT, [2]);
  const graph = new Graph(g.build());
  expect(await foldConstants(graph)).toBe(3);
  expect(graph.nodes.map((node) => node.opType)).toEqual(['Mul']);
  const [, folded] = graph.nodes[0]?.input ?? [];
  expect(graph.constant(folded ?? '')?.data[0]).toBeCloseTo(Math.SQRT2, 6);
});

test('shapes that are fixed are constants even of values that are not', async () => {
  const g = new GraphBuilder();
  const x = g.input('x', T.FLOAT, ['batch', 3, 4]);
  const last = g.op('Gather', [g.op('Shape', [x]), g.ints([2])]);
  const target = g.op('Concat', [g.ints([-1]), last], { axis: 0 });
  g.output(g.op('Reshape', [x, target]), T.FLOAT, ['rows', 4]);
  const graph = new Graph(g.build());
  await foldConstants(graph);
  expect(graph.nodes.map((node) => node.opType)).toEqual(['Reshape']);
  expect(graph.constant(graph.nodes[0]?.input[1] ?? '')?.data).toEqual(BigInt64Array.of(-1n, 4n));
});

test('what is random, dequantized, too large or an output stays computed', async () => {
  const g = new GraphBuilder();
  const x = g.input('x', T.FLOAT, [2]);
  const noisy = g.op('RandomNormal', [], { shape: [2] });
  const weight = g.constant('w', { dataType: T.INT8, dims: [2], data: Int8Array.of(1, 2) });
  const dequantized = g.op('DequantizeLinear', [weight, g.float(0.1)]);
  const large = g.op('Expand', [g.float([1, 1]), g.ints([1000, 2])]);
  const sum = [noisy, dequantized, large].reduce((total, one) => g.op('Add', [total, one]), x);
  g.output(sum, T.FLOAT, [1000, 2]);
  g.output(g.op('Neg', [g.float([1])], {}, { outputs: ['always'] }), T.FLOAT, [1]);
  const graph = new Graph(g.build());
  expect(await foldConstants(graph, { largestMadeBytes: 1000 })).toBe(0);
});
