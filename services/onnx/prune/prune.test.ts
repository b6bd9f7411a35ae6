import { expect, test } from 'vitest';
import { GraphBuilder } from '../builder.js';
import { costOf } from '../cost.js';
import { Graph } from '../graph.js';
import { googLeNetLike } from '../models/convolutional.js';
import { encoder } from '../models/encoder.js';
import { multilayer } from '../models/mlp.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { quantizeDynamic } from '../quantize/dynamic.js';
import { seeded } from '../seeded.js';
import { float32, floatValues, int64 } from '../tensor.js';
import { identity } from '../testing/identity.js';
import { mlp } from '../testing/mlp.js';
import { largestDifference, outputsOf } from '../testing/outputs.js';
import type { Batches } from '../training/tune.js';
import { activations } from './activations.js';
import { magnitudes, taylor } from './saliency.js';
import { sparsify, sparsifyGradually } from './sparsify.js';
import { thin, thinToWidths, widthsOf } from './thin.js';
import { thinToLatency } from './thin-to-latency.js';
import { pack, unpack } from './transfer.js';

const image = { image: float32([2, 3, 16, 16], seeded(6).normals(2 * 3 * 256, 1)) };

/** Residual sum, depthwise layer, joined branches, batch norm, a gate by channel, and a dense end over a flattened map. */
function mixed(): Uint8Array {
  const g = new GraphBuilder({ opset: 17 });
  const random = seeded(8);
  let count = 0;
  const conv = (x: string, from: number, to: number, group = 1, kernel = 3): string => {
    const dims = [to, from / group, kernel, kernel];
    const size = dims.reduce((a, b) => a * b, 1);
    const name = `conv${count++}`;
    const w = g.constant(`${name}.w`, float32(dims, random.normals(size, 0.2)));
    const b = g.constant(`${name}.b`, float32([to], random.normals(to, 0.1)));
    const pad = (kernel - 1) / 2;
    return g.op('Conv', [x, w, b], { group, kernel_shape: [kernel, kernel], pads: [pad, pad, pad, pad] });
  };
  const norm = (x: string, size: number): string => {
    const vector = (what: string, mean: number): string =>
      g.constant(
        `norm${count++}.${what}`,
        float32(
          [size],
          random.normals(size, 0.1).map((one) => one + mean),
        ),
      );
    return g.op('BatchNormalization', [x, vector('s', 1), vector('b', 0), vector('m', 0), vector('v', 1.5)]);
  };
  const x = g.op('Relu', [norm(conv(g.input('image', T.FLOAT, ['batch', 3, 16, 16]), 3, 24), 24)]);
  const inner = g.op('HardSwish', [conv(conv(x, 24, 32, 1, 1), 32, 32, 32)]);
  const sum = g.op('Add', [g.op('Relu', [conv(inner, 32, 24, 1, 1)]), x]);
  const squeezed = g.op('Relu', [conv(g.op('GlobalAveragePool', [sum]), 24, 16, 1, 1)]);
  const gated = g.op('Mul', [sum, g.op('Sigmoid', [conv(squeezed, 16, 24, 1, 1)])]);
  const both = g.op('Concat', [gated, g.op('Relu', [conv(gated, 24, 16)])], { axis: 1 });
  const flat = g.op('Flatten', [g.op('MaxPool', [both], { kernel_shape: [4, 4], strides: [4, 4] })]);
  const end = g.constant('end', float32([40 * 16, 5], random.normals(40 * 16 * 5, 0.1)));
  g.output(g.op('Gemm', [flat, end]), T.FLOAT, ['batch', 5], 'y');
  return g.bytes();
}

test('a thinned network answers as the full one with the removed channels at 0, and costs half', async () => {
  for (const model of [
    mixed(),
    googLeNetLike({ channels: 3, height: 16, width: 16, classes: 4, seed: 2, base: 16 }),
  ]) {
    const { model: small, masked, report } = thin(model, { saliency: magnitudes(model), keep: 0.5 });
    const [a, b] = [await outputsOf(small, image), await outputsOf(masked, image)];
    expect(largestDifference(a, b)).toBeLessThan(1e-5);
    expect(largestDifference(b, await outputsOf(model, image))).toBeGreaterThan(1e-4);
    const macs = [small, model].map((bytes) => costOf(Graph.read(bytes), { bind: { batch: 1 } }).macs);
    expect((macs[0] ?? 1) / (macs[1] ?? 1)).toBeLessThan(0.55);
    expect(report.keptShare).toBeLessThanOrEqual(0.5);
    expect(report.groups.every(({ after }) => after % 8 === 0)).toBe(true);
  }
});

test('thinned to a latency it has fewer channels, and the widths that were found give the same bytes without a clock', async () => {
  const saliency = magnitudes(mixed());
  const example = { image: float32([16, 3, 16, 16], seeded(6).normals(16 * 3 * 256, 1)) };
  const { model, masked, report } = await thinToLatency(mixed(), {
    saliency,
    latency: 0.9,
    keep: 0.8,
    example,
  });
  expect(report.keptShare).toBeLessThanOrEqual(0.8);
  expect(largestDifference(await outputsOf(model, image), await outputsOf(masked, image))).toBeLessThan(1e-5);
  const again = thinToWidths(mixed(), saliency, widthsOf(report));
  expect(Buffer.compare(again.model, model)).toBe(0);
  expect(again.report).toEqual(report);
});

test('a latency that no width reaches, and widths of what makes no channels, are refused with the figures', async () => {
  const saliency = magnitudes(mixed());
  const never = thinToLatency(mixed(), { saliency, latency: 1e-4, example: image });
  await expect(never).rejects.toThrow(/At the least widths, with 0\.\d+ of the multiplications, it takes \d/);
  await expect(never).rejects.toMatchObject({ code: 'BUDGET_MISSED' });
  const wide = thinToLatency(mixed(), { saliency, latency: 0.9, keep: 1e-3, example: image });
  await expect(wide).rejects.toThrow(/least widths leave more than 0.001/);
  expect(() => thinToWidths(mixed(), saliency, { end: 2 })).toThrow(
    /No channels that may go are made by "end"/,
  );
  expect(() => thinToWidths(mixed(), saliency, { 'conv0.w': 25 })).toThrow(/makes 24 channels: 25/);
});

test('of attention whole heads go, and the answers are those of the network without them', async () => {
  const sizes = { vocabulary: 30, classes: 3, steps: 6, width: 32, layers: 2 };
  const model = encoder({ ...sizes, heads: 4, seed: 3 });
  const { model: small, masked, report } = thin(model, { saliency: magnitudes(model), keep: 0.6 });
  const heads = report.groups.filter(({ before }) => before === 4);
  expect(heads).toHaveLength(2);
  expect(heads.every(({ weights }) => weights.length === 3)).toBe(true);
  expect(heads.some(({ after }) => after < 4)).toBe(true);
  const x = {
    ids: int64([2, 6], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 0]),
    mask: float32([2, 6], [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0]),
  };
  const [a, b] = [await outputsOf(small, x), await outputsOf(masked, x)];
  expect(largestDifference(a, b)).toBeLessThan(1e-5);
  expect(largestDifference(b, await outputsOf(model, x))).toBeGreaterThan(1e-4);
  expect(small.length).toBeLessThan(0.8 * model.length);
});

test('the channel that the loss needs least goes first', async () => {
  const g = new GraphBuilder({ opset: 17 });
  const random = seeded(3);
  const first = random.normals(4 * 16, 1);
  const second = random.normals(16 * 2, 1);
  for (const dead of [3, 5, 6, 9, 10, 11, 13, 14]) second.fill(0, dead * 2, dead * 2 + 2);
  const h = g.op('Relu', [
    g.op('MatMul', [g.input('x', T.FLOAT, ['batch', 4]), g.constant('a', float32([4, 16], first))]),
  ]);
  g.output(g.op('MatMul', [h, g.constant('b', float32([16, 2], second))]), T.FLOAT, ['batch', 2], 'y');
  const saliency = await taylor(g.bytes(), batches(4, 2));
  const { model } = thin(g.bytes(), { saliency, keep: 0.5 });
  const x = { x: float32([8, 4], seeded(4).normals(32, 1)) };
  expect(largestDifference(await outputsOf(model, x), await outputsOf(g.bytes(), x))).toBeLessThan(1e-5);
});

test('of two equal weights the one with more flowing through is worth more', async () => {
  const g = new GraphBuilder({ opset: 17 });
  const w = g.constant('w', float32([2, 1], [1, 1]));
  g.output(g.op('MatMul', [g.input('x', T.FLOAT, ['batch', 2]), w]), T.FLOAT, ['batch', 1], 'y');
  const worth = await activations(g.bytes(), [{ x: float32([2, 2], [3, 1, 4, 0]) }]);
  expect([...(worth.get('w') ?? [])]).toEqual([5, 1]);
});

test('the share of weights that goes is the one that was asked for, and zeros stay zeros while the rest learns', async () => {
  const model = multilayer({ inputs: 8, hidden: [64, 32], classes: 3, seed: 1 });
  for (const scope of ['layer', 'global'] as const) {
    const { zeros } = sparsify(model, magnitudes(model), 0.8, scope);
    expect(zeros).toBeCloseTo(0.8, 2);
  }
  const options = { share: 0.9, rounds: 3, batches: batches(8, 3), steps: 10, rate: 1e-2 };
  const gradual = await sparsifyGradually(model, options);
  expect(gradual.zeros).toBeCloseTo(0.9, 2);
  const graph = Graph.read(gradual.model);
  const values = [...gradual.masks].flatMap(([name, mask]) => {
    const weights = floatValues(graph.constant(name) ?? mask);
    return [...floatValues(mask)].map((one, i) => (one === 0 ? (weights[i] ?? 1) : 0));
  });
  expect(values.every((value) => value === 0)).toBe(true);
});

test('a pruned model in integers travels in a small part of its bytes and arrives to the byte', async () => {
  const { model } = sparsify(mlp(1), magnitudes(mlp(1)), 0.9);
  const integers = (await quantizeDynamic(model)).model;
  const packed = pack(integers);
  expect(mlp(1).length / packed.length).toBeGreaterThan(19);
  expect(Buffer.compare(unpack(packed), integers)).toBe(0);
  expect(Buffer.compare(unpack(pack(mlp(1))), mlp(1))).toBe(0);
  expect(Buffer.compare(unpack(pack(model)), model)).toBe(0);
});

test('what cannot be pruned, or was changed on its way, is refused with the reason', () => {
  const saliency = magnitudes(mlp(1));
  expect(() => thin(mlp(1), { saliency, keep: 1.5 })).toThrow(/between 0 and 1/);
  expect(() => thin(identity(), { saliency, keep: 0.5 })).toThrow(/No channel of this network may go/);
  expect(() => sparsify(mlp(1), saliency, 1)).toThrow(/from 0 to below 1/);
  expect(() => sparsify(identity(), new Map(), 0.5)).toThrow(/no weights/);
  const packed = pack(mlp(1));
  expect(() => unpack(mlp(1))).toThrow(/not a packed model/);
  expect(() => unpack(packed.subarray(0, packed.length - 9))).toThrow(/cut off/);
  expect(() => unpack(packed.map((byte, i) => (i === 7 ? byte ^ 1 : byte)))).toThrow(/digest is another/);
});

function batches(inputs: number, classes: number): Batches {
  return {
    loss: { kind: 'crossEntropy' },
    bind: { batch: 16 },
    count: 4,
    batch: (step) => ({
      x: float32([16, inputs], seeded(50 + step).normals(16 * inputs, 1)),
      labels: int64(
        [16],
        Array.from({ length: 16 }, (_, i) => i % classes),
      ),
    }),
  };
}
