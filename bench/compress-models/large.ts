// Models of bench compress that are there for their speed: a dense network of 12.6 million weights and two that are nearly all
// convolution, with weights from a seed; and the recogniser of text lines, which is judged by the characters it reads.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lineTensor, readPng } from '../../client/ocr/line-image.js';
import { root } from '../../deploy/local/root.mjs';
import { GraphBuilder } from '../../services/onnx/builder.js';
import { convolutional } from '../../services/onnx/models/convolutional.js';
import { Layers } from '../../services/onnx/models/layers.js';
import { TensorProto_DataType as T } from '../../services/onnx/proto/onnx_pb.js';
import { relativeError } from '../../services/onnx/quantize/report.js';
import { seeded } from '../../services/onnx/seeded.js';
import { openSession, type Tensors } from '../../services/onnx/session.js';
import { float32, floatValues, type Tensor } from '../../services/onnx/tensor.js';

const WIDTH = 512;
const HIDDEN = 2_048;

/** Six blocks 512-2048-512. */
export function denseNetwork(seed: number): Uint8Array {
  const g = new GraphBuilder({ opset: 17 });
  const random = seeded(seed);
  let x = g.input('x', T.FLOAT, ['batch', WIDTH]);
  const layer = (name: string, from: number, to: number): string =>
    g.op('Gemm', [
      x,
      g.constant(`${name}.weight`, float32([from, to], random.normals(from * to, Math.sqrt(2 / from)))),
      g.constant(`${name}.bias`, float32([to], random.normals(to, 0.01))),
    ]);
  for (let i = 0; i < 6; i++) {
    x = g.op('Relu', [layer(`up${i}`, WIDTH, HIDDEN)]);
    x = layer(`down${i}`, HIDDEN, WIDTH);
  }
  g.output(x, T.FLOAT, ['batch', WIDTH], 'y');
  return g.bytes();
}

export const denseInput = (seed: number, rows: number): Tensors => ({
  x: float32([rows, WIDTH], seeded(seed).normals(rows * WIDTH, 1)),
});

const SIDE = 56;

export const convolutionNetwork = (seed: number): Uint8Array =>
  convolutional({
    channels: 3,
    height: SIDE,
    width: SIDE,
    classes: 10,
    seed,
    blocks: [
      { filters: 64, kernel: 3 },
      { filters: 128, kernel: 3 },
      'pool',
      { filters: 256, kernel: 3 },
      { filters: 256, kernel: 3 },
      'pool',
      { filters: 512, kernel: 3 },
      'pool',
    ],
  });

export const convolutionInput = (seed: number): Tensors => ({
  image: float32([1, 3, SIDE, SIDE], seeded(seed).normals(3 * SIDE * SIDE, 1)),
});

const FACE = 112; // pixels; what networks that tell faces are shown

/** ResNet-18 (He et al., 2016) for a thousand classes, batch norms gone into its convolutions. */
export function residualNetwork(seed: number): Uint8Array {
  const net = new Layers('resnet18', seed);
  let x = net.relu(net.conv(net.input('image', ['batch', 3, FACE, FACE]), 64, 7, { stride: 2, pad: 3 }));
  x = net.maxPool(x, 3, 2, 1);
  for (const width of [64, 128, 256, 512])
    for (const stride of [width === 64 ? 1 : 2, 1]) {
      const first = net.relu(net.conv(x, width, 3, { stride, pad: 1 }));
      const second = net.conv(first, width, 3, { pad: 1 });
      const beside = stride === 1 ? x : net.conv(x, width, 1, { stride });
      x = net.relu({ ...second, value: net.g.op('Add', [second.value, beside.value]) });
    }
  net.output(net.dense(net.globalAverage(x), 1_000), 'scores');
  return net.bytes();
}

export const residualInput = (seed: number): Tensors => ({
  image: float32([1, 3, FACE, FACE], seeded(seed).normals(3 * FACE * FACE, 1)),
});

/** How far the answers are from the parent's, relative to their size. */
export async function outputError(parent: Uint8Array, model: Uint8Array, feeds: Tensors): Promise<number> {
  const [before, after] = [await first(parent, feeds), await first(model, feeds)];
  return relativeError(before, after);
}

async function first(model: Uint8Array, feeds: Tensors): Promise<Tensor> {
  await using session = await openSession(model);
  const [tensor] = Object.values(await session.run(feeds));
  if (tensor === undefined) throw new Error('the model has no output');
  return tensor;
}

/** The line of the examples, in as many shades, sizes and grains as asked. */
export function textLines(count: number): Tensors[] {
  const pixels = readPng(readFileSync(join(root, 'deploy/examples/line.png')));
  const { data, shape } = lineTensor(pixels);
  const plain = data as Float32Array;
  return Array.from({ length: count }, (_, i) => {
    const random = seeded(i);
    const contrast = 1 - 0.4 * random.uniform();
    const light = 0.3 * (random.uniform() - 0.5);
    const grain = 0.3 * random.uniform();
    const values = plain.map((value) => contrast * value + light + grain * random.normal());
    return { x: float32(shape, values) };
  });
}

/** Share of steps at which both read the same character. */
export async function readingAgreement(
  parent: Uint8Array,
  model: Uint8Array,
  lines: readonly Tensors[],
): Promise<number> {
  await using before = await openSession(parent);
  await using after = await openSession(model);
  let same = 0;
  let all = 0;
  for (const line of lines) {
    const [a, b] = [characters(await before.run(line)), characters(await after.run(line))];
    a.forEach((one, i) => (same += one === b[i] ? 1 : 0));
    all += a.length;
  }
  return same / all;
}

function characters(results: Readonly<Record<string, Tensor>>): number[] {
  const [tensor] = Object.values(results);
  if (tensor === undefined) return [];
  const classes = tensor.dims.at(-1) ?? 1;
  const values = floatValues(tensor);
  return Array.from({ length: values.length / classes }, (_, step) => {
    const own = values.subarray(step * classes, (step + 1) * classes);
    return own.indexOf(own.reduce((a, b) => Math.max(a, b)));
  });
}
