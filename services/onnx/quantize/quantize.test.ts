import { expect, test } from 'vitest';
import { intOf } from '../attributes.js';
import { GraphBuilder } from '../builder.js';
import { reachable } from '../dead-nodes.js';
import { Graph } from '../graph.js';
import { convolutional } from '../models/convolutional.js';
import { encoder } from '../models/encoder.js';
import { sequenceClassifier } from '../models/recurrent.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { seeded } from '../seeded.js';
import type { Tensors } from '../session.js';
import { float32, floatValues, int64 } from '../tensor.js';
import { identity } from '../testing/identity.js';
import { mlp } from '../testing/mlp.js';
import { outputsOf } from '../testing/outputs.js';
import { quantizeBlockwise } from './blockwise.js';
import { quantizeDynamic } from './dynamic.js';
import { toFloat16 } from './float16.js';
import { fusionOf } from './fused.js';
import { relativeError } from './report.js';
import { calibrated, quantizeStatic, writeStatic } from './static.js';

const rows: Tensors = { x: float32([4, 784], seeded(5).normals(4 * 784, 1)) };
const image: Tensors = { image: float32([2, 8, 12, 12], seeded(6).normals(2 * 8 * 144, 1)) };
const text: Tensors = {
  ids: int64(
    [2, 16],
    Array.from({ length: 32 }, (_, i) => (i * 7) % 50),
  ),
  mask: float32([2, 16], new Float32Array(32).fill(1)),
};
const textOptions = { vocabulary: 50, steps: 16, width: 32, classes: 3, seed: 3 };
const encoded = encoder({ ...textOptions, heads: 2, layers: 1 });
const recurrent = sequenceClassifier({ ...textOptions, cell: 'LSTM', hidden: 24, bothWays: true });

/** Two convolutions around which the signal runs, a pool, a dense end. */
function residual(): Uint8Array {
  const g = new GraphBuilder({ opset: 17 });
  const random = seeded(8);
  const conv = (x: string, from: number, to: number): string =>
    g.op(
      'Conv',
      [
        x,
        g.constant(
          g.fresh('w').replace('_', '.'),
          float32([to, from, 3, 3], random.normals(to * from * 9, 0.15)),
        ),
        g.constant(g.fresh('b').replace('_', '.'), float32([to], random.normals(to, 0.1))),
      ],
      { kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
    );
  const x = g.op('Relu', [conv(g.input('image', T.FLOAT, ['batch', 8, 12, 12]), 8, 16)]);
  const sum = g.op('Relu', [g.op('Add', [conv(g.op('Relu', [conv(x, 16, 16)]), 16, 16), x])]);
  const pooled = g.op('Flatten', [
    g.op('GlobalAveragePool', [g.op('MaxPool', [sum], { kernel_shape: [2, 2], strides: [2, 2] })]),
  ]);
  const w = g.constant('end', float32([16, 5], random.normals(80, 0.3)));
  g.output(g.op('Gemm', [pooled, w], { alpha: 0.5 }), T.FLOAT, ['batch', 5], 'y');
  return g.bytes();
}

async function apart(before: Uint8Array, after: Uint8Array, feeds: Tensors): Promise<number> {
  const [a] = Object.values(await outputsOf(before, feeds, {}));
  const [b] = Object.values(await outputsOf(after, feeds, {}));
  if (a === undefined || b === undefined) throw new Error('no output');
  return relativeError(a, b);
}

test('every planned layer of a dense and of a residual network runs in integers and answers as before', async () => {
  const dense = await quantizeStatic(mlp(1), [rows]);
  expect(await apart(mlp(1), dense.model, rows)).toBeLessThan(0.02);
  expect(await fusionOf(dense.model)).toEqual({ integer: { QGemm: 2 }, unfused: [], conversions: 1 });
  expect(dense.report.bytesAfter / dense.report.bytesBefore).toBeLessThan(0.26);

  const { model } = await quantizeStatic(residual(), [image], { everything: true });
  expect(await apart(residual(), model, image)).toBeLessThan(0.05);
  const { integer, unfused } = await fusionOf(model);
  expect(unfused).toEqual([]);
  expect(integer).toMatchObject({ QLinearConv: 3, QLinearAdd: 1, QGemm: 1 });
});

test('dense layers of a transformer run as a whole with their bias', async () => {
  const { model } = await quantizeStatic(encoded, [text], { everything: true });
  expect(await fusionOf(model)).toMatchObject({ integer: { QGemm: 7 }, unfused: [] });
  expect(await apart(encoded, model, text)).toBeLessThan(0.05);
});

test('a value that three layers read is rounded once, and their biases take two bytes each', async () => {
  const { model } = await quantizeStatic(encoded, [text], { everything: true });
  const graph = Graph.read(model);
  const count = (type: string): number => graph.nodes.filter(({ opType }) => opType === type).length;
  expect(count('Gemm') - count('QuantizeLinear')).toBe(2);
  expect(graph.proto.initializer.filter(({ dataType }) => dataType === (T.INT32 as number))).toEqual([]);
  expect(graph.nodes.every(({ name, output }) => name !== output[0])).toBe(true);
});

test('the same input gives the same bytes', async () => {
  const [first, second] = [await quantizeStatic(mlp(1), [rows]), await quantizeStatic(mlp(1), [rows])];
  expect(Buffer.compare(first.model, second.model)).toBe(0);
});

test('layers that are to stay float do, and say so; four bits take half of eight', async () => {
  const found = await calibrated(mlp(1), [rows]);
  const mixed = writeStatic(found, { float: ['hidden_w'] });
  expect(mixed.report.layers.map(({ weight, form }) => [weight, form])).toEqual([
    ['out_w', 'int8'],
    ['hidden_w', 'float'],
  ]);
  const four = writeStatic(found, { fourBits: new Set(['hidden_w']) });
  expect(four.report.bytesAfter).toBeLessThan(0.55 * writeStatic(found).report.bytesAfter);
  expect(await fusionOf(four.model)).toMatchObject({ integer: { QGemm: 2 }, unfused: [] });
  expect(await apart(mlp(1), four.model, rows)).toBeLessThan(0.3);
});

test('fixed point of 8 bits runs in integers, of 16 bits it is exact to a thousandth', async () => {
  const found = await calibrated(mlp(1), [rows]);
  const eight = writeStatic(found, { scales: 'powerOfTwo' });
  expect(await fusionOf(eight.model)).toMatchObject({ integer: { QGemm: 2 }, unfused: [] });
  const graph = Graph.read(eight.model);
  const real: readonly number[] = [T.FLOAT, T.FLOAT16];
  const rounded = graph.nodes.filter((node) => intOf(node, 'to', T.FLOAT) === T.INT32);
  const biases = reachable(
    graph,
    rounded.map(({ output: [name = ''] }) => name),
  ).names;
  const scales = graph.proto.initializer.filter(
    ({ name, dataType }) => real.includes(dataType) && !biases.has(name),
  );
  const values = scales.flatMap(({ name }) => [...floatValues(graph.constant(name) ?? float32([], [0]))]);
  expect(values.length).toBeGreaterThan(100); // one a channel of both layers
  expect(values.every((value) => Number.isInteger(Math.log2(value)))).toBe(true);
  const sixteen = writeStatic(found, { scales: 'powerOfTwo', weightBits: 16 });
  expect(await apart(mlp(1), sixteen.model, rows)).toBeLessThan(1e-3);
});

test('in 16 bits a large bias is still what it was after onnxruntime has rewritten the graph', async () => {
  const g = new GraphBuilder({ opset: 17 });
  const random = seeded(4);
  const w = g.constant('w', float32([16, 8, 3, 3], random.normals(16 * 8 * 9, 0.01)));
  const b = g.constant('b', float32([16], random.normals(16, 20)));
  const x = g.input('image', T.FLOAT, ['batch', 8, 6, 6]);
  g.output(g.op('Conv', [x, w, b], { kernel_shape: [3, 3] }), T.FLOAT, ['batch', 16, 4, 4], 'y');
  const feeds = { image: float32([2, 8, 6, 6], random.normals(2 * 8 * 36, 1)) };
  const { model } = await quantizeStatic(g.bytes(), [feeds], { weightBits: 16, everything: true });
  expect(await apart(g.bytes(), model, feeds)).toBeLessThan(1e-3);
});

test('a bias that would overflow under the scale of its weights keeps its value', async () => {
  const g = new GraphBuilder({ opset: 21 });
  const w = g.constant('w', float32([2, 1], [1e-12, -1e-12]));
  const b = g.constant('b', float32([1], [1000]));
  g.output(g.op('Gemm', [g.input('x', T.FLOAT, [1, 2]), w, b]), T.FLOAT, [1, 1], 'y');
  const feeds = { x: float32([1, 2], [0.5, -1]) };
  const { model } = await quantizeStatic(g.bytes(), [feeds]);
  expect(Number((await outputsOf(model, feeds, {}))['y']?.data[0])).toBeCloseTo(1000, 0);
});

test('dense and recurrent layers run in dynamic integers without samples', async () => {
  for (const [bytes, feeds] of [
    [mlp(1), rows],
    [encoded, text],
    [recurrent, text],
  ] as const) {
    const { model, report } = await quantizeDynamic(bytes);
    expect(await apart(bytes, model, feeds)).toBeLessThan(0.05); // weights that learned nothing: up to 0.04 by the seed
    const { integer, unfused } = await fusionOf(model);
    expect(unfused).toEqual([]);
    expect(Object.values(integer).reduce((a, b) => a + b, 0)).toBeGreaterThanOrEqual(2);
    expect(report.layers.every(({ form }) => form === 'int8')).toBe(true);
  }
});

test('scales and biases take two bytes each and lose nothing that integers keep; what float16 cannot hold stays', async () => {
  const { model, report } = await quantizeDynamic(recurrent);
  const halves = Graph.read(model).proto.initializer.filter(
    ({ dataType }) => dataType === (T.FLOAT16 as number),
  );
  expect(halves.length).toBeGreaterThan(0);
  expect(report.bytesAfter).toBe(model.length);
  const g = new GraphBuilder({ opset: 17 });
  const w = g.constant('w', float32([8, 64], seeded(3).normals(512, 1)));
  const b = g.constant('b', float32([64], new Float32Array(64).fill(1e6)));
  g.output(g.op('Gemm', [g.input('x', T.FLOAT, ['batch', 8]), w, b]), T.FLOAT, ['batch', 64], 'y');
  const large = await quantizeDynamic(g.bytes());
  const feeds = { x: float32([1, 8], new Float32Array(8)) };
  expect((await outputsOf(large.model, feeds, {}))['y']?.data[0]).toBe(1e6);
});

test('four bits in blocks of dense layers answer nearly as before in a sixth of the bytes', async () => {
  const { model, report } = await quantizeBlockwise(mlp(1));
  expect(report.bytesAfter / report.bytesBefore).toBeLessThan(0.17);
  expect(await fusionOf(model)).toMatchObject({ integer: { MatMulNBits: 2 } });
  expect(await apart(mlp(1), model, rows)).toBeLessThan(0.2);
});

test('float16 takes half the bytes and answers the same to a thousandth', async () => {
  for (const [bytes, feeds] of [
    [mlp(1), rows],
    [recurrent, text],
  ] as const) {
    const { model, report } = toFloat16(bytes);
    expect(report.bytesAfter / report.bytesBefore).toBeLessThan(0.53);
    expect(await apart(bytes, model, feeds)).toBeLessThan(1e-3);
  }
});

test('what cannot be quantized is refused with the reason', async () => {
  const { model } = await quantizeDynamic(mlp(1));
  await expect(quantizeStatic(model, [rows])).rejects.toThrow(
    /quantized already: begin with the float model/,
  );
  await expect(quantizeDynamic(identity())).rejects.toThrow(/No dense or LSTM layer/);
  await expect(quantizeStatic(identity(), [])).rejects.toThrow(/No Conv, Gemm or MatMul/);
  await expect(quantizeBlockwise(identity())).rejects.toThrow(/No dense layer/);
  expect(() => toFloat16(identity())).toThrow(/no float32 weights/);
  const convolutions = convolutional({ channels: 8, height: 12, width: 12, classes: 2, seed: 1, blocks: [] });
  await expect(quantizeStatic(convolutions, [])).rejects.toMatchObject({ code: 'DATA_REFUSED' });
  const wrong = { image: float32([1, 3, 12, 12], new Float32Array(432)) };
  await expect(quantizeStatic(convolutions, [image, wrong])).rejects.toThrow(/Calibration sample 2/);
  const broken = { image: float32([1, 8, 12, 12], new Float32Array(1152).fill(Number.NaN)) };
  await expect(quantizeStatic(convolutions, [broken])).rejects.toThrow(
    /Calibration sample 1: ".*" holds a value/,
  );
});
