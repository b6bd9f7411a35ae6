import { expect, test } from 'vitest';
import { GraphBuilder } from '../builder.js';
import { Graph } from '../graph.js';
import { sequenceClassifier } from '../models/recurrent.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { seeded } from '../seeded.js';
import { float32, type Tensor } from '../tensor.js';
import { outputsOf } from '../testing/outputs.js';
import { affineOf, UINT8 } from './affine.js';
import { ChannelRange } from './channel-range.js';
import { quantizeDynamic } from './dynamic.js';
import { weightLayers, type WeightLayer } from './layers.js';
import { relativeError } from './report.js';
import { reachedLevels, saturatingDot, unclippedScales } from './saturation.js';
import { quantizeStatic } from './static.js';
import { integerWeights } from './weights.js';

/** One layer that reads "x". */
function layerOf(opType: 'Conv' | 'MatMul', shape: number[], weights: Tensor): [Uint8Array, WeightLayer] {
  const g = new GraphBuilder({ opset: 21 });
  g.output(g.op(opType, [g.input('x', T.FLOAT, shape), g.constant('w', weights)]), T.FLOAT, undefined, 'y');
  const [layer] = weightLayers(Graph.read(g.bytes())).found;
  if (layer === undefined) throw new Error('no layer');
  return [g.bytes(), layer];
}

test('pairs of large weights clip where sums are of 16 bits, weights of seven bits cannot', () => {
  const activations = new Uint8Array(4).fill(255);
  const clipped = saturatingDot(activations, Int8Array.of(127, 127, 1, -1));
  expect(clipped).toEqual({ sum: 32_767, exact: 64_770, clippedPairs: 1 });
  expect(saturatingDot(activations, Int8Array.of(63, 63, -63, -63)).clippedPairs).toBe(0);
});

test('a channel gets a coarser scale where two neighbours reach too far, and only there', () => {
  // Four inputs, of which the last two are never large; a column is an output channel.
  const weights = float32([4, 4], [1, 1, 1, 0, 1, -1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 1]);
  const [, layer] = layerOf('MatMul', [1, 4], weights);
  const range = ChannelRange.of(4);
  range.add(Float32Array.of(1, 1, 0.2, 0.2), [1, 4], 1);
  const affine = affineOf({ lowest: 0, highest: 1 }, UINT8);
  const { values } = integerWeights(weights, { bits: 8, axis: 1 });
  const [first, ...others] = unclippedScales(layer, weights, values, reachedLevels(range, affine));
  expect(others).toEqual([0, 0, 0]);
  const { values: after } = integerWeights(weights, { bits: 8, axis: 1, least: [first ?? 0, 0, 0, 0] });
  const column = (c: number): Int8Array =>
    Int8Array.from({ length: 4 }, (_, k) => Number(after.data[k * 4 + c]));
  const seen = Uint8Array.of(255, 255, 51, 51);
  expect([0, 1, 2, 3].map((c) => saturatingDot(seen, column(c)).clippedPairs)).toEqual([0, 0, 0, 0]);
  expect(Math.max(...column(0))).toBe(64);
  expect(Math.max(...column(1))).toBe(127);
});

test('neighbours of a convolution are the input channels of one place, by group', () => {
  // Two groups of two channels in a window of 1 x 2; the second output's large weights lie at two places of one channel.
  const weights = float32([2, 2, 1, 2], [1, 0, 1, 0, 1, 1, 0, 0]);
  const g = new GraphBuilder({ opset: 21 });
  const x = g.input('x', T.FLOAT, [1, 4, 1, 4]);
  g.output(g.op('Conv', [x, g.constant('w', weights)], { group: 2 }), T.FLOAT, undefined, 'y');
  const [layer] = weightLayers(Graph.read(g.bytes())).found;
  if (layer === undefined) throw new Error('no layer');
  const range = ChannelRange.of(4);
  range.add(new Float32Array(16).fill(1), [1, 4, 1, 4], 1);
  const affine = affineOf({ lowest: 0, highest: 1 }, UINT8);
  const { values } = integerWeights(weights, { bits: 8, axis: 0 });
  const [first = 0, second] = unclippedScales(layer, weights, values, reachedLevels(range, affine));
  expect(first).toBeGreaterThan(1.9 / 127);
  expect(second).toBe(0);
});

test('layers whose neighbours reach far answer the same on every processor', async () => {
  const random = seeded(4);
  const positive = (count: number): Float32Array => random.normals(count, 1).map(Math.abs);
  for (const [kind, shape, dims] of [
    ['MatMul', [8, 64], [64, 32]],
    ['Conv', [1, 32, 6, 6], [16, 32, 3, 3]],
  ] as const) {
    const count = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);
    const [model] = layerOf(
      kind,
      [...shape],
      float32(
        dims,
        positive(count(dims)).map((one) => 1 + 0.1 * one),
      ),
    );
    const feeds = {
      x: float32(
        shape,
        positive(count(shape)).map((one) => 1 + 0.1 * one),
      ),
    };
    const rounded = await quantizeStatic(model, [feeds], { everything: true });
    const [before, after] = [await outputsOf(model, feeds, {}), await outputsOf(rounded.model, feeds, {})];
    expect(relativeError(before['y'] ?? float32([0], []), after['y'] ?? float32([0], []))).toBeLessThan(0.01);
  }
});

test('weights of dense and recurrent layers clip for no input where ranges are found at run time', async () => {
  const positive = seeded(5);
  const dense = float32(
    [8, 4],
    positive.normals(32, 0.1).map((one) => 1 + one),
  );
  const [matmul] = layerOf('MatMul', [1, 8], dense);
  const recurrent = sequenceClassifier({
    vocabulary: 20,
    width: 32,
    classes: 2,
    seed: 3,
    cell: 'LSTM',
    hidden: 24,
  });
  for (const [model, operator] of [
    [matmul, 'MatMulInteger'],
    [recurrent, 'DynamicQuantizeLSTM'],
  ] as const) {
    const graph = Graph.read((await quantizeDynamic(model)).model);
    const layers = graph.nodes.filter(({ opType }) => opType === operator);
    const weights = layers.flatMap(({ input }) => [
      input[1] ?? '',
      operator === 'MatMulInteger' ? '' : (input[2] ?? ''),
    ]);
    const found = weights.flatMap((name) => graph.constant(name) ?? []);
    expect(found.length).toBeGreaterThan(0);
    for (const { data, dims } of found) {
      const [rows = 0, columns = 0] = dims.slice(-2);
      for (let c = 0; c < columns; c++) {
        const column = Int8Array.from({ length: rows }, (_, k) => Number(data[k * columns + c]));
        // The worst that an input can be: all that one sign adds to, or all that the other does.
        for (const sign of [1, -1]) {
          const worst = Uint8Array.from(column, (weight) => (sign * weight > 0 ? 255 : 0));
          expect(saturatingDot(worst, column).clippedPairs).toBe(0);
        }
      }
    }
  }
});
