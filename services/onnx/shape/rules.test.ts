// Single nodes, attribute by attribute: the rule's answer against what onnxruntime computes.
import { expect, test } from 'vitest';
import type { AttributeValues } from '../attributes.js';
import { GraphBuilder } from '../builder.js';
import { Graph } from '../graph.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { seeded } from '../seeded.js';
import { inferShapes } from '../shape.js';
import { bool, elementCount, float32, int64, type Tensor } from '../tensor.js';
import { outputsOf } from '../testing/outputs.js';

const random = seeded(2);
const f = (...dims: number[]): Tensor =>
  float32(
    dims,
    Float32Array.from(random.normals(elementCount(dims), 1), (x) => Math.abs(x) + 0.5),
  );
const i = (...values: number[]): Tensor => int64([values.length], values);
const s = (value: number): Tensor => int64([], [value]);
const u8 = (...dims: number[]): Tensor => ({
  dataType: T.UINT8,
  dims,
  data: new Uint8Array(elementCount(dims)),
});

interface Case {
  readonly op: string;
  /** Float tensors are fed; everything else is an initialiser, as axes and shapes mostly are. null is omitted. */
  readonly inputs: (Tensor | null)[];
  readonly with?: AttributeValues;
  readonly outputs?: number;
  readonly opset?: number;
  readonly domain?: string;
}

const unary =
  'Identity Neg Abs Sqrt Exp Log Reciprocal Erf Clip Relu LeakyRelu Sigmoid Tanh HardSwish Softmax LogSoftmax Floor Ceil Sign Round Elu Softplus Gelu Mish'.split(
    ' ',
  );
const binary = 'Add Sub Mul Div Pow Min Max Sum Mean Equal Greater Less GreaterOrEqual LessOrEqual'.split(
  ' ',
);
const reductions = 'ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL2 ReduceLogSumExp'.split(' ');

const CASES: Case[] = [
  ...unary.map((op) => ({ op, inputs: [f(2, 3)] })),
  ...binary.map((op) => ({ op, inputs: [f(4, 1, 3), f(2, 1)] })),
  ...binary.slice(0, 5).map((op) => ({ op, inputs: [f(2), f(3, 1, 2)] })),
  ...reductions.flatMap((op) => [
    { op, inputs: [f(2, 3, 4)] },
    { op, inputs: [f(2, 3, 4), i(1)] },
    { op, inputs: [f(2, 3, 4), i(-1, 0)], with: { keepdims: 0 } },
    { op, inputs: [f(2, 3, 4)], with: { noop_with_empty_axes: 1 } },
    { op, inputs: [f(2, 3, 4)], with: { axes: [0, 2], keepdims: 0 }, opset: 12 },
  ]),
  { op: 'Cast', inputs: [f(2)], with: { to: T.INT32 } },
  { op: 'Where', inputs: [bool([2, 1], [true, false]), f(3), f(1)] },
  { op: 'Not', inputs: [bool([2], [true, false])] },
  { op: 'And', inputs: [bool([2, 1], [true, false]), bool([3], [true, true, false])] },
  { op: 'Dropout', inputs: [f(2, 3)], outputs: 2 },
  { op: 'CumSum', inputs: [f(2, 3), s(1)] },
  { op: 'Trilu', inputs: [f(3, 3)] },
  { op: 'PRelu', inputs: [f(2, 3), f(3)] },

  { op: 'MatMul', inputs: [f(2, 3), f(3, 4)] },
  { op: 'MatMul', inputs: [f(5, 1, 2, 3), f(6, 3, 4)] },
  { op: 'MatMul', inputs: [f(3), f(3, 4)] },
  { op: 'MatMul', inputs: [f(2, 3), f(3)] },
  { op: 'MatMul', inputs: [f(3), f(3)] },
  { op: 'Gemm', inputs: [f(2, 3), f(3, 4), f(4)] },
  { op: 'Gemm', inputs: [f(3, 2), f(4, 3)], with: { transA: 1, transB: 1, alpha: 0.5 } },
  { op: 'FusedMatMul', inputs: [f(2, 3, 4), f(2, 3, 5)], with: { transA: 1 }, domain: 'com.microsoft' },

  { op: 'Conv', inputs: [f(2, 3, 9, 8), f(4, 3, 3, 2)] },
  {
    op: 'Conv',
    inputs: [f(2, 4, 9, 8), f(6, 2, 3, 3), f(6)],
    with: { group: 2, strides: [2, 1], pads: [1, 0, 2, 1], dilations: [1, 2] },
  },
  { op: 'Conv', inputs: [f(1, 1, 9, 8), f(1, 1, 3, 3)], with: { auto_pad: 'SAME_UPPER', strides: [2, 2] } },
  { op: 'Conv', inputs: [f(1, 1, 9, 8), f(1, 1, 3, 3)], with: { auto_pad: 'VALID', strides: [2, 2] } },
  { op: 'Conv', inputs: [f(2, 3, 20), f(4, 3, 5)], with: { strides: [3], pads: [2, 1] } },
  {
    op: 'ConvTranspose',
    inputs: [f(1, 4, 5, 6), f(4, 3, 3, 3)],
    with: { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 0] },
  },
  { op: 'ConvTranspose', inputs: [f(1, 4, 5, 6), f(4, 2, 3, 3)], with: { group: 2, dilations: [2, 1] } },
  {
    op: 'ConvTranspose',
    inputs: [f(1, 4, 5, 6), f(4, 2, 3, 3)],
    with: { strides: [2, 2], output_shape: [10, 12] },
  },
  { op: 'MaxPool', inputs: [f(1, 2, 7, 7)], with: { kernel_shape: [3, 3], strides: [2, 2] }, outputs: 2 },
  { op: 'MaxPool', inputs: [f(1, 2, 8, 8)], with: { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 } },
  {
    op: 'MaxPool',
    inputs: [f(1, 2, 7, 7)],
    with: { kernel_shape: [2, 2], strides: [3, 3], pads: [1, 1, 1, 1], ceil_mode: 1 },
  },
  { op: 'MaxPool', inputs: [f(1, 2, 9, 7)], with: { kernel_shape: [3, 2], dilations: [2, 3] } },
  {
    op: 'AveragePool',
    inputs: [f(1, 2, 7, 8)],
    with: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], count_include_pad: 1 },
  },
  { op: 'GlobalAveragePool', inputs: [f(2, 3, 4, 5)] },
  { op: 'GlobalMaxPool', inputs: [f(2, 3, 4)] },
  { op: 'Resize', inputs: [f(1, 2, 4, 6), null, float32([4], [1, 1, 2, 0.5])], with: { mode: 'nearest' } },
  { op: 'Resize', inputs: [f(1, 2, 4, 6), null, null, i(1, 2, 7, 5)], with: { mode: 'linear' } },

  { op: 'BatchNormalization', inputs: [f(2, 3, 4), f(3), f(3), f(3), f(3)] },
  { op: 'LayerNormalization', inputs: [f(2, 3, 4), f(4), f(4)], outputs: 3 },
  { op: 'LayerNormalization', inputs: [f(2, 3, 4), f(3, 4)], with: { axis: 1 }, outputs: 3 },
  { op: 'RMSNormalization', inputs: [f(2, 4), f(4)], opset: 23 },
  { op: 'InstanceNormalization', inputs: [f(2, 3, 4), f(3), f(3)] },
  { op: 'GroupNormalization', inputs: [f(2, 4, 4), f(4), f(4)], with: { num_groups: 2 } },
  { op: 'LRN', inputs: [f(2, 3, 4, 4)], with: { size: 3 } },

  { op: 'Reshape', inputs: [f(2, 3, 4), i(0, -1)] },
  { op: 'Reshape', inputs: [f(2, 3, 4), i(4, 3, 2)] },
  { op: 'Flatten', inputs: [f(2, 3, 4)] },
  { op: 'Flatten', inputs: [f(2, 3, 4)], with: { axis: 0 } },
  { op: 'Flatten', inputs: [f(2, 3, 4)], with: { axis: -1 } },
  { op: 'Transpose', inputs: [f(2, 3, 4)] },
  { op: 'Transpose', inputs: [f(2, 3, 4)], with: { perm: [1, 2, 0] } },
  { op: 'Squeeze', inputs: [f(1, 3, 1)] },
  { op: 'Squeeze', inputs: [f(1, 3, 1), i(-1)] },
  { op: 'Squeeze', inputs: [f(1, 3, 1)], with: { axes: [0] }, opset: 11 },
  { op: 'Unsqueeze', inputs: [f(2, 3), i(0, -1)] },
  { op: 'Unsqueeze', inputs: [f(2, 3)], with: { axes: [1] }, opset: 11 },
  { op: 'Expand', inputs: [f(3, 1), i(2, 1, 4)] },
  { op: 'Tile', inputs: [f(2, 3), i(2, 3)] },
  { op: 'Pad', inputs: [f(2, 3), i(1, 0, 0, 2)] },
  { op: 'Pad', inputs: [f(4, 3), i(-1, 2), null, i(0)] },
  { op: 'Pad', inputs: [f(2, 3)], with: { pads: [1, 0, 0, 2] }, opset: 10 },
  { op: 'DepthToSpace', inputs: [f(1, 8, 2, 3)], with: { blocksize: 2 } },
  { op: 'SpaceToDepth', inputs: [f(1, 2, 4, 6)], with: { blocksize: 2 } },
  { op: 'Shape', inputs: [f(2, 3, 4)], with: { start: 1 } },
  { op: 'Size', inputs: [f(2, 3, 4)] },

  { op: 'Concat', inputs: [f(2, 3), f(2, 1)], with: { axis: 1 } },
  { op: 'Concat', inputs: [f(2, 3), f(1, 3)], with: { axis: -2 } },
  { op: 'Split', inputs: [f(6, 2), i(1, 5)], outputs: 2 },
  { op: 'Split', inputs: [f(2, 7)], with: { axis: 1, num_outputs: 3 }, outputs: 3 },
  { op: 'Split', inputs: [f(2, 6)], with: { axis: 1, split: [2, 4] }, outputs: 2, opset: 11 },
  { op: 'Slice', inputs: [f(5, 6), i(1), i(-1)] },
  { op: 'Slice', inputs: [f(5, 6), i(0, 1), i(2 ** 31 - 1, 6), i(-2, -1), i(1, 2)] },
  { op: 'Slice', inputs: [f(5, 6), i(-1), i(-(2 ** 31)), i(0), i(-1)] },
  { op: 'Slice', inputs: [f(5, 6), i(4), i(0), i(1), i(-2)] },
  { op: 'Slice', inputs: [f(5, 6)], with: { starts: [1], ends: [9], axes: [1] }, opset: 9 },
  { op: 'Gather', inputs: [f(4, 3), int64([2, 2], [0, 1, 2, 3])] },
  { op: 'Gather', inputs: [f(4, 3), s(1)], with: { axis: 1 } },
  { op: 'GatherElements', inputs: [f(4, 3), int64([2, 3], [0, 1, 2, 3, 0, 1])] },
  { op: 'GatherND', inputs: [f(4, 3, 2), int64([5, 1], [0, 1, 2, 3, 0])] },
  { op: 'ScatterElements', inputs: [f(4, 3), int64([1, 3], [0, 1, 2]), f(1, 3)] },
  { op: 'ScatterND', inputs: [f(4, 3), int64([2, 1], [0, 1]), f(2, 3)] },
  { op: 'TopK', inputs: [f(4, 3), i(2)], outputs: 2 },
  { op: 'TopK', inputs: [f(4, 3), i(2)], with: { axis: 0 }, outputs: 2 },
  { op: 'OneHot', inputs: [int64([2], [0, 1]), s(5), f(2)] },
  { op: 'OneHot', inputs: [int64([2], [0, 1]), s(5), f(2)], with: { axis: 0 } },
  { op: 'ArgMax', inputs: [f(4, 3)], with: { axis: 1, keepdims: 0 } },
  { op: 'ArgMin', inputs: [f(4, 3)] },

  { op: 'ConstantOfShape', inputs: [i(2, 3)] },
  { op: 'Range', inputs: [s(1), s(10), s(3)] },
  { op: 'Range', inputs: [s(10), s(1), s(-4)] },
  { op: 'RandomNormalLike', inputs: [f(2, 3)] },
  { op: 'SoftmaxCrossEntropyLoss', inputs: [f(3, 5), i(0, 1, 2)], outputs: 2 },
  { op: 'SoftmaxCrossEntropyLoss', inputs: [f(3, 5), i(0, 1, 2)], with: { reduction: 'none' } },
  { op: 'NegativeLogLikelihoodLoss', inputs: [f(3, 5), i(0, 1, 2)] },
  {
    op: 'QuantizeLinear',
    inputs: [f(2, 3), float32([], [0.1]), { dataType: T.INT8, dims: [], data: new Int8Array(1) }],
  },
  { op: 'QuantizeLinear', inputs: [f(2, 3), float32([], [0.1])] },
  { op: 'DequantizeLinear', inputs: [u8(2, 3), float32([], [0.1]), u8()] },
  { op: 'DynamicQuantizeLinear', inputs: [f(2, 3)], outputs: 3 },
  { op: 'MatMulInteger', inputs: [u8(2, 3), u8(3, 4)] },
  { op: 'LSTM', inputs: [f(5, 2, 3), f(1, 16, 3), f(1, 16, 4)], with: { hidden_size: 4 }, outputs: 3 },
  {
    op: 'GRU',
    inputs: [f(5, 2, 3), f(2, 12, 3), f(2, 12, 4)],
    with: { hidden_size: 4, direction: 'bidirectional' },
    outputs: 2,
  },
  { op: 'Attention', inputs: [f(1, 2, 3, 4), f(1, 2, 5, 4), f(1, 2, 5, 6)], opset: 23 },
  {
    op: 'Attention',
    inputs: [f(1, 3, 8), f(1, 5, 8), f(1, 5, 8)],
    with: { q_num_heads: 2, kv_num_heads: 2 },
    opset: 23,
  },
];

test.each(CASES.map((one) => [title(one), one] as const))('%s', async (_, one) => {
  const g = new GraphBuilder({
    opset: one.opset ?? 21,
    ...(one.domain === undefined ? {} : { domains: { [one.domain]: 1 } }),
  });
  const feeds: Record<string, Tensor> = {};
  const inputs = one.inputs.map((tensor, at) => {
    if (tensor === null) return '';
    if (tensor.dataType !== T.FLOAT || tensor.dims.length === 0 || (at > 1 && one.op === 'Resize'))
      return g.constant(`c${at}`, tensor);
    feeds[`x${at}`] = tensor;
    return g.input(`x${at}`, T.FLOAT, tensor.dims);
  });
  const options = one.domain === undefined ? {} : { domain: one.domain };
  const names = g.ops(one.op, inputs, one.outputs ?? 1, one.with, options);
  const shapes = inferShapes(new Graph(g.build()));
  for (const name of names) g.output(name, shapes.get(name)?.dataType ?? T.UNDEFINED);
  const computed = await outputsOf(g.bytes(), feeds);
  for (const name of names)
    expect(shapes.get(name)).toMatchObject({
      dataType: computed[name]?.dataType,
      shape: computed[name]?.dims,
    });
});

function title({ op, inputs, with: attributes, opset }: Case): string {
  const shapes = inputs.map((tensor) => (tensor === null ? '-' : `[${tensor.dims.join()}]`)).join(' ');
  return `${op} ${shapes}${attributes === undefined ? '' : ` ${JSON.stringify(attributes)}`}${opset === undefined ? '' : ` opset ${opset}`}`;
}
