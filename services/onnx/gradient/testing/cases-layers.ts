// Gradient checks of convolutions, poolings, normalisations, resizing, recurrent layers, attention and of operators that
// move or pick elements. Tests and `bench gradients` run them.
import type { AttributeValues } from '../../attributes.js';
import { bool, int64 } from '../../tensor.js';
import { plainCase } from './cases-arithmetic.js';
import type { GradientCase, Operand } from './check.js';

const normal = (...shapes: (readonly number[])[]): Operand[] => shapes.map((shape) => ({ shape }));
const apart = (...shapes: (readonly number[])[]): Operand[] =>
  shapes.map((shape) => ({ shape, spread: 'apart' }));
/** The same case with the base forms alone. */
const bothForms = (one: GradientCase): GradientCase[] => [
  one,
  { ...one, name: `${one.name}, base form`, forms: { convolution: 'plain' } },
];

const conv = (name: string, x: readonly number[], w: readonly number[], values: AttributeValues = {}) =>
  bothForms(plainCase('Conv', name, normal(x, w, [w[0] ?? 1]), values));

const convolutions: GradientCase[] = [
  ...conv('3x3, padded', [2, 2, 5, 4], [3, 2, 3, 3], { pads: [1, 1, 1, 1] }),
  ...conv('one channel', [2, 1, 5, 5], [2, 1, 3, 3]),
  ...conv('1x1', [2, 3, 3, 3], [2, 3, 1, 1]),
  ...conv('stride 2', [2, 2, 6, 5], [3, 2, 3, 3], { strides: [2, 2], pads: [1, 1, 1, 1] }),
  ...conv('stride 3, rows left over', [1, 2, 9, 10], [2, 2, 2, 2], { strides: [3, 3] }),
  ...conv('dilated', [2, 2, 7, 7], [2, 2, 3, 2], { dilations: [2, 3] }),
  ...conv('dilated, stride 2', [1, 2, 8, 9], [2, 2, 3, 2], { dilations: [2, 3], strides: [2, 1] }),
  ...conv('asymmetric pads', [2, 2, 4, 5], [2, 2, 3, 2], { pads: [0, 1, 2, 0] }),
  ...conv('pads beyond the kernel', [1, 2, 3, 3], [2, 2, 2, 2], { pads: [2, 2, 2, 2] }),
  ...conv('two groups', [2, 4, 4, 4], [6, 2, 3, 3], { group: 2, pads: [1, 1, 1, 1] }),
  ...conv('depthwise', [2, 3, 5, 5], [3, 1, 3, 3], { group: 3, pads: [1, 1, 1, 1] }),
  ...conv('depthwise, stride 2', [2, 3, 6, 6], [3, 1, 3, 3], { group: 3, strides: [2, 2] }),
  ...conv('depthwise with two filters each', [2, 2, 4, 4], [4, 1, 2, 2], { group: 2 }),
  ...conv('SAME_UPPER, stride 2', [1, 2, 6, 7], [2, 2, 3, 4], { auto_pad: 'SAME_UPPER', strides: [2, 2] }),
  ...conv('SAME_LOWER', [1, 2, 5, 5], [2, 2, 2, 2], { auto_pad: 'SAME_LOWER' }),
  ...conv('one axis', [2, 3, 8], [2, 3, 3], { strides: [2], pads: [1, 1] }),
  ...conv('three axes', [1, 2, 4, 3, 4], [2, 2, 2, 2, 2], { pads: [1, 0, 0, 0, 1, 0] }),
  plainCase('Conv', 'open batch', normal([2, 2, 4, 4], [3, 2, 3, 3]), {}, { symbolic: 1 }),
  plainCase('Conv', 'one channel, open batch', normal([2, 1, 4, 4], [3, 1, 3, 3]), {}, { symbolic: 1 }),
  {
    ...plainCase('FusedConv', 'taken apart', apart([1, 2, 4, 4])),
    build: (g, [x = ''], real) =>
      g.op('FusedConv', [x, real([1, 2, 1, 1], [1, 2])], { activation: 'Tanh' }, { domain: 'com.microsoft' }),
  },
  plainCase('ConvTranspose', 'stride 2', normal([2, 3, 3, 3], [3, 2, 3, 3], [2]), { strides: [2, 2] }),
  plainCase('ConvTranspose', 'groups, pads, output padding', normal([2, 4, 3, 3], [4, 2, 3, 3]), {
    group: 2,
    strides: [2, 2],
    pads: [1, 0, 0, 1],
    output_padding: [1, 0],
  }),
  plainCase('ConvTranspose', 'dilated', normal([1, 2, 3, 3], [2, 2, 2, 2]), { dilations: [2, 2] }),
];

const pool = (
  operator: string,
  name: string,
  shape: readonly number[],
  values: AttributeValues,
): GradientCase => plainCase(operator, name, operator === 'MaxPool' ? apart(shape) : normal(shape), values);

const poolings: GradientCase[] = [
  ...['MaxPool', 'AveragePool'].flatMap((operator) => [
    pool(operator, '2x2', [2, 2, 4, 6], { kernel_shape: [2, 2], strides: [2, 2] }),
    pool(operator, '2x2, a row left over', [1, 2, 5, 5], { kernel_shape: [2, 2], strides: [2, 2] }),
    pool(operator, '3x3, overlapping, padded', [1, 2, 5, 5], {
      kernel_shape: [3, 3],
      strides: [2, 2],
      pads: [1, 1, 1, 1],
    }),
    pool(operator, 'rounded up', [1, 2, 6, 5], { kernel_shape: [3, 2], strides: [2, 2], ceil_mode: 1 }),
    pool(operator, 'dilated', [1, 1, 6, 6], { kernel_shape: [2, 2], dilations: [2, 2] }),
    pool(operator, 'SAME_UPPER', [1, 2, 5, 5], {
      kernel_shape: [2, 2],
      strides: [2, 2],
      auto_pad: 'SAME_UPPER',
    }),
    pool(operator, 'one axis', [2, 2, 7], { kernel_shape: [3], strides: [2] }),
    { ...pool(operator, 'open batch', [2, 2, 4, 4], { kernel_shape: [2, 2], strides: [2, 2] }), symbolic: 1 },
  ]),
  {
    ...plainCase('Relu', 'below a pool', apart([1, 2, 4, 6])),
    build: (g, [x = '']) => g.op('MaxPool', [g.op('Relu', [x])], { kernel_shape: [2, 2], strides: [2, 2] }),
  },
  {
    ...plainCase('Relu', 'below a pool and beside it', apart([1, 2, 4, 4])),
    build: (g, [x = '']) => {
      const y = g.op('Relu', [x]);
      return [g.op('MaxPool', [y], { kernel_shape: [2, 2], strides: [2, 2] }), g.op('Mul', [y, y])];
    },
  },
  pool('AveragePool', 'pads counted', [1, 2, 5, 5], {
    kernel_shape: [3, 3],
    strides: [2, 2],
    pads: [1, 1, 1, 1],
    count_include_pad: 1,
  }),
  plainCase('GlobalAveragePool', '', normal([2, 3, 3, 2])),
  plainCase('GlobalAveragePool', 'open batch', normal([2, 3, 3, 2]), {}, { symbolic: 1 }),
  plainCase('GlobalMaxPool', '', apart([2, 3, 3, 2])),
];

const normalizations: GradientCase[] = [
  {
    ...plainCase('BatchNormalization', 'frozen statistics', normal([2, 3, 2, 2], [3], [3])),
    build: (g, [x = '', scale = '', bias = ''], real) =>
      g.op('BatchNormalization', [x, scale, bias, real([3], [0.1, -0.2, 0.3]), real([3], [0.5, 1, 2])]),
  },
  ...(
    [
      [4, 3, 2, 2],
      [4, 3],
    ] as const
  ).map((shape): GradientCase => ({
    ...plainCase(
      'BatchNormalization',
      `statistics of the batch, ${shape.length} axes`,
      normal(shape, [3], [3]),
    ),
    build: (g, [x = '', scale = '', bias = ''], real) =>
      g.ops('BatchNormalization', [x, scale, bias, real([3], [0, 0, 0]), real([3], [1, 1, 1])], 3, {
        training_mode: 1,
      })[0] ?? '',
  })),
  plainCase('LayerNormalization', 'last axis', normal([2, 3, 4], [4], [4])),
  plainCase('LayerNormalization', 'two axes, no bias', normal([2, 3, 4], [3, 4]), { axis: 1, epsilon: 0.01 }),
  plainCase('LayerNormalization', 'open batch', normal([3, 4], [4], [4]), {}, { symbolic: 1 }),
  plainCase('RMSNormalization', 'last axis', normal([2, 3, 4], [4]), {}, { opset: 23 }),
  plainCase('SimplifiedLayerNormalization', 'last axis', normal([2, 3, 4], [4])),
  plainCase('InstanceNormalization', '', normal([2, 3, 3, 2], [3], [3])),
  plainCase('GroupNormalization', 'two groups', normal([2, 4, 3], [4], [4]), { num_groups: 2 }),
  plainCase('LRN', 'three channels', normal([2, 5, 2, 2]), { size: 3, alpha: 0.5, beta: 0.75, bias: 1.5 }),
  plainCase('LpNormalization', '', normal([2, 4]), { axis: 1 }),
  {
    ...plainCase('SkipLayerNormalization', 'taken apart', normal([2, 3, 4], [2, 3, 4], [4], [4], [4])),
    build: (g, x) => g.op('SkipLayerNormalization', x, {}, { domain: 'com.microsoft' }),
  },
  ...['BiasGelu', 'FastGelu'].map((operator): GradientCase => ({
    ...plainCase(operator, 'taken apart', normal([2, 4], [4])),
    build: (g, x) => g.op(operator, x, {}, { domain: 'com.microsoft' }),
  })),
  {
    ...plainCase('QuickGelu', 'taken apart', normal([2, 4])),
    build: (g, x) => g.op('QuickGelu', x, {}, { domain: 'com.microsoft' }),
  },
];

const resized = (name: string, to: readonly number[], values: AttributeValues): GradientCase => ({
  ...plainCase('Resize', name, normal([1, 2, 3, 4])),
  build: (g, [x = '']) => g.op('Resize', [x, '', '', g.ints([1, 2, ...to])], values),
});

const resizings: GradientCase[] = [
  resized('nearest, doubled', [6, 8], { mode: 'nearest' }),
  resized('nearest, floor, asymmetric', [5, 7], {
    mode: 'nearest',
    nearest_mode: 'floor',
    coordinate_transformation_mode: 'asymmetric',
  }),
  resized('nearest, smaller', [2, 3], { mode: 'nearest', nearest_mode: 'ceil' }),
  resized('linear, larger', [5, 9], { mode: 'linear' }),
  resized('linear, smaller', [2, 2], { mode: 'linear' }),
  resized('linear, align corners', [5, 6], {
    mode: 'linear',
    coordinate_transformation_mode: 'align_corners',
  }),
  resized('linear, pytorch', [6, 1], {
    mode: 'linear',
    coordinate_transformation_mode: 'pytorch_half_pixel',
  }),
  {
    ...plainCase('Resize', 'by scales', normal([1, 2, 3, 4])),
    build: (g, [x = '']) => g.op('Resize', [x, '', g.float([1, 1, 1.5, 2])], { mode: 'linear' }),
  },
];

const withInts = (
  operator: string,
  name: string,
  shape: readonly number[],
  lists: readonly (number | readonly number[])[],
  values: AttributeValues = {},
  more: Partial<GradientCase> = {},
): GradientCase => ({
  ...plainCase(operator, name, normal(shape)),
  build: (g, [x = '']) => g.op(operator, [x, ...lists.map((list) => g.ints(list))], values),
  ...more,
});

const layouts: GradientCase[] = [
  withInts('Reshape', '', [2, 3, 2], [[3, -1]]),
  withInts('Reshape', 'open batch', [2, 3, 2], [[0, -1]], {}, { symbolic: 1 }),
  withInts('Squeeze', '', [2, 1, 3], [[1]]),
  withInts('Unsqueeze', '', [2, 3], [[0, 2]]),
  plainCase('Squeeze', 'axes as attribute', normal([2, 1, 3]), { axes: [1] }, { opset: 11 }),
  plainCase('Flatten', '', normal([2, 3, 2])),
  plainCase('Transpose', 'reversed', normal([2, 3, 4])),
  plainCase('Transpose', 'permuted', normal([2, 3, 4]), { perm: [1, 2, 0] }),
  plainCase('Concat', 'three', normal([2, 1], [2, 3], [2, 2]), { axis: 1 }),
  plainCase('Concat', 'open sizes', normal([2, 3], [2, 3]), { axis: 0 }, { symbolic: 2 }),
  {
    ...plainCase('Split', 'sizes', normal([2, 6])),
    build: (g, [x = '']) => g.ops('Split', [x, g.ints([1, 3, 2])], 3, { axis: 1 }),
  },
  {
    ...plainCase('Split', 'one part unused', normal([2, 6])),
    build: (g, [x = '']) => g.ops('Split', [x], 3, { axis: 1, num_outputs: 3 }).slice(0, 2),
  },
  withInts(
    'Slice',
    'inside',
    [4, 5],
    [
      [1, -4],
      [3, -1],
    ],
  ),
  withInts('Slice', 'one axis', [4, 5], [[2], [99], [1]]),
  withInts(
    'Slice',
    'every other, and turned',
    [5, 6],
    [
      [4, 1],
      [-99, 6],
      [0, 1],
      [-1, 2],
    ],
  ),
  withInts(
    'Slice',
    'step and inside',
    [5, 6],
    [
      [0, 1],
      [5, 4],
      [0, 1],
      [2, 1],
    ],
  ),
  plainCase(
    'Slice',
    'attributes of opset 9',
    normal([4, 5]),
    { starts: [1], ends: [3], axes: [1] },
    { opset: 9 },
  ),
  withInts('Pad', 'constant', [2, 3], [[1, 0, 0, 2]]),
  withInts('Pad', 'cut off', [4, 3], [[-1, 1, 0, -1]]),
  withInts('Expand', '', [3, 1], [[2, 3, 4]]),
  withInts('Tile', '', [2, 3], [[2, 3]]),
  plainCase('DepthToSpace', '', normal([1, 8, 2, 2]), { blocksize: 2 }),
  plainCase('SpaceToDepth', '', normal([1, 2, 4, 4]), { blocksize: 2 }),
  plainCase('Trilu', 'upper', normal([3, 4])),
  plainCase('Trilu', 'lower', normal([3, 4]), { upper: 0 }),
  ...[
    [0, 0],
    [1, 0],
    [0, 1],
    [1, 1],
  ].map(([reverse = 0, exclusive = 0]) =>
    withInts('CumSum', `reverse ${reverse}, exclusive ${exclusive}`, [2, 4], [1], { reverse, exclusive }),
  ),
];

const picks = (
  operator: string,
  name: string,
  operands: readonly Operand[],
  indices: ReturnType<typeof int64>,
  values: AttributeValues = {},
  more: Partial<GradientCase> = {},
): GradientCase => ({
  ...plainCase(operator, name, operands),
  build: (g, [x = '', ...rest]) => g.op(operator, [x, g.constant('indices', indices), ...rest], values),
  ...more,
});

const indexings: GradientCase[] = [
  picks('Gather', 'rows, one twice', normal([4, 3]), int64([2, 2], [0, 2, -1, 2])),
  picks('Gather', 'inner axis', normal([2, 4, 3]), int64([3], [3, 0, 3]), { axis: 1 }),
  picks('Gather', 'inner axis, table of indices', normal([2, 4, 3]), int64([2, 2], [3, 0, 1, 3]), {
    axis: 1,
  }),
  picks(
    'Gather',
    'last axis, open batch',
    normal([2, 4]),
    int64([3], [3, 0, 3]),
    { axis: -1 },
    { symbolic: 1 },
  ),
  picks('Gather', 'a single one', normal([2, 4, 3]), int64([], [-1]), { axis: 1 }),
  picks('GatherElements', 'one twice', normal([3, 3]), int64([2, 3], [0, 1, 2, 0, 2, 2]), { axis: 0 }),
  picks('GatherND', '', normal([3, 4]), int64([3, 2], [0, 1, 2, 3, 0, 1])),
  picks('ScatterND', 'overwriting', normal([4, 2], [2, 2]), int64([2, 1], [1, 3])),
  picks('ScatterND', 'adding', normal([4, 2], [2, 2]), int64([2, 1], [1, 1]), { reduction: 'add' }),
  picks('ScatterElements', 'overwriting', normal([3, 2], [2, 2]), int64([2, 2], [1, 0, 2, 2]), { axis: 0 }),
  {
    ...plainCase('TopK', 'largest', apart([2, 5])),
    build: (g, [x = '']) => g.ops('TopK', [x, g.ints([2])], 2, { axis: 1 })[0] ?? '',
  },
];

const SCALE = 0.25;
const quantizations: GradientCase[] = [
  {
    ...plainCase('QuantizeLinear', 'straight through', apart([300])),
    build: (g, [x = '']) => {
      const zero = g.constant('zero', { dataType: 3, dims: [], data: Int8Array.of(10) });
      const scale = g.float(0.06);
      return g.op('DequantizeLinear', [g.op('QuantizeLinear', [x, scale, zero]), scale, zero]);
    },
    // 127 - 10 steps up, 128 + 10 down.
    expected: (x, upstream) => (x / 0.06 >= -138 && x / 0.06 <= 117 ? upstream : 0),
  },
  {
    ...plainCase('QuantizeLinear', 'per channel', normal([2, 3])),
    build: (g, [x = '']) => {
      const scale = g.float([SCALE, SCALE * 2, SCALE * 4]);
      const zero = g.constant('zero', { dataType: 2, dims: [3], data: Uint8Array.of(100, 128, 90) });
      return g.op('DequantizeLinear', [g.op('QuantizeLinear', [x, scale, zero]), scale, zero]);
    },
    expected: (_, upstream) => upstream,
  },
];

/** Input, weights, recurrence, bias, first states. */
const recurrent = (
  operator: 'LSTM' | 'GRU',
  name: string,
  directions: number,
  values: AttributeValues,
  initial: boolean,
  lengths?: readonly number[],
): GradientCase => {
  const gates = operator === 'LSTM' ? 4 : 3;
  const [steps, batch, width, hidden] = [3, 2, 2, 2];
  const state = [directions, batch, hidden];
  return {
    operator,
    name,
    operands: normal(
      [steps, batch, width],
      [directions, gates * hidden, width],
      [directions, gates * hidden, hidden],
      [directions, 2 * gates * hidden],
      ...(initial ? (operator === 'LSTM' ? [state, state] : [state]) : []),
    ),
    build: (g, [x = '', w = '', r = '', b = '', ...states]) => {
      const known =
        lengths === undefined
          ? ''
          : g.constant('lengths', { dataType: 6, dims: [lengths.length], data: Int32Array.from(lengths) });
      return g.ops(operator, [x, w, r, b, known, ...states], operator === 'LSTM' ? 3 : 2, {
        hidden_size: hidden,
        ...values,
      });
    },
  };
};

const recurrents: GradientCase[] = (['LSTM', 'GRU'] as const).flatMap((operator) => [
  recurrent(operator, 'forward', 1, {}, false),
  recurrent(operator, 'first state', 1, {}, true),
  recurrent(operator, 'reverse', 1, { direction: 'reverse' }, false),
  recurrent(operator, 'both ways, first states', 2, { direction: 'bidirectional' }, true),
  recurrent(operator, 'both ways, lengths', 2, { direction: 'bidirectional' }, false, [3, 2]),
  ...(operator === 'GRU'
    ? [recurrent(operator, 'linear before reset', 1, { linear_before_reset: 1 }, true)]
    : []),
]);

const attentions: GradientCase[] = [
  plainCase('Attention', 'four axes', normal([1, 2, 3, 2], [1, 2, 4, 2], [1, 2, 4, 3]), {}, { opset: 23 }),
  plainCase(
    'Attention',
    'three axes, causal',
    normal([2, 3, 4], [2, 3, 4], [2, 3, 4]),
    {
      q_num_heads: 2,
      kv_num_heads: 2,
      is_causal: 1,
    },
    { opset: 23 },
  ),
  {
    ...plainCase('Attention', 'mask', normal([1, 2, 2, 2], [1, 2, 3, 2], [1, 2, 3, 2])),
    opset: 23,
    build: (g, x) =>
      g.op('Attention', [...x, g.constant('mask', bool([2, 3], [true, true, false, true, false, true]))]),
  },
];

export const layerCases: readonly GradientCase[] = [
  ...convolutions,
  ...poolings,
  ...normalizations,
  ...resizings,
  ...layouts,
  ...indexings,
  ...quantizations,
  ...recurrents,
  ...attentions,
];
