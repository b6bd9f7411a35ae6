// What int8 can gain at most on the processor at hand: its integer kernels against its float ones, layer for layer of the same shape, each alone.
// With VNNI the largest convolutions gain nearly four times; AVX2 multiplies 16 floats or 32 pairs of bytes a cycle, so that two is the end.
import { GraphBuilder } from '../../services/onnx/builder.js';
import { type NodeTime, profile } from '../../services/onnx/profile.js';
import { TensorProto_DataType as T } from '../../services/onnx/proto/onnx_pb.js';
import { quantizeStatic } from '../../services/onnx/quantize/static.js';
import { seeded } from '../../services/onnx/seeded.js';
import type { Tensors } from '../../services/onnx/session.js';
import { float32 } from '../../services/onnx/tensor.js';

const RUNS = 8;
const ROUNDS = 5;

export interface KernelGains {
  readonly convolution: number;
  readonly dense: number;
}

/** Float milliseconds over int8 milliseconds; of two windows the larger gain. */
export async function kernelGains(): Promise<KernelGains> {
  const gains: number[] = [];
  for (const [channels, side, window] of [
    [480, 25, 1],
    [256, 28, 3],
  ] as const)
    gains.push(await gainOf('Conv', [1, channels, side, side], [channels, channels, window, window]));
  return { convolution: Math.max(...gains), dense: await gainOf('Gemm', [52, 120], [120, 6_625]) };
}

async function gainOf(operator: 'Conv' | 'Gemm', shape: number[], weights: number[]): Promise<number> {
  const random = seeded(1);
  const count = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);
  const g = new GraphBuilder({ opset: 17 });
  const w = g.constant('w', float32(weights, random.normals(count(weights), 0.03)));
  const padding = operator === 'Conv' && (weights[2] ?? 1) > 1 ? { pads: [1, 1, 1, 1] } : {};
  g.output(g.op(operator, [g.input('x', T.FLOAT, shape), w], padding), T.FLOAT, undefined, 'y');
  const parent = g.bytes();
  const feeds = { x: float32(shape, random.normals(count(shape), 1)) };
  const { model } = await quantizeStatic(parent, [feeds], { everything: true });
  // In turns, and the fastest round of each: what else the machine does then says little.
  let [float, integer] = [Infinity, Infinity];
  for (let round = 0; round < ROUNDS; round++) {
    float = Math.min(float, await layersMs(parent, feeds));
    integer = Math.min(integer, await layersMs(model, feeds));
  }
  return float / integer;
}

const layersMs = async (model: Uint8Array, feeds: Tensors): Promise<number> =>
  sumOf(
    (await profile(model, feeds, RUNS)).filter(
      ({ opType }) => CONVOLUTION.test(opType) || DENSE.test(opType),
    ),
  );

const CONVOLUTION = /Conv/;
const DENSE = /Gemm|MatMul/;

export const sumOf = (nodes: readonly NodeTime[]): number =>
  nodes.reduce((ms, { medianMs }) => ms + medianMs, 0);

/**
 * How many times as fast a float model of these node times gets at most, if each of its layers ran as fast as integer kernels do here and all
 * else stayed as it is: t / (t - sum over kinds of t_kind (1 - 1 / gain)).
 */
export function possibleGain(times: readonly NodeTime[], gains: KernelGains): number {
  const total = sumOf(times);
  const of = (kind: RegExp): number => sumOf(times.filter(({ opType }) => kind.test(opType)));
  const saved = of(CONVOLUTION) * (1 - 1 / gains.convolution) + of(DENSE) * (1 - 1 / gains.dense);
  return total / (total - saved);
}
