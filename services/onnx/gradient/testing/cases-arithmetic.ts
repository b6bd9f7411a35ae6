// Gradient checks of arithmetic, activations, products, reductions and softmax: every operator, attribute and way of
// broadcasting that the rules tell apart. Tests and `bench gradients` run them.
import type { AttributeValues } from '../../attributes.js';
import { int64 } from '../../tensor.js';
import type { GradientCase, Operand, Spread } from './check.js';

export const plainCase = (
  operator: string,
  name: string,
  operands: readonly Operand[],
  values: AttributeValues = {},
  more: Partial<GradientCase> = {},
): GradientCase => ({ operator, name, operands, build: (g, x) => g.op(operator, x, values), ...more });

const of = (spread: Spread, ...shapes: (readonly number[])[]): Operand[] =>
  shapes.map((shape) => ({ shape, spread }));
const normal = (...shapes: (readonly number[])[]): Operand[] => of('normal', ...shapes);
const apart = (...shapes: (readonly number[])[]): Operand[] => of('apart', ...shapes);
const positive = (...shapes: (readonly number[])[]): Operand[] => of('positive', ...shapes);

const BROADCASTS: readonly (readonly [string, readonly number[], readonly number[]])[] = [
  ['same shapes', [2, 3], [2, 3]],
  ['a row', [2, 3], [3]],
  ['a column', [2, 3], [2, 1]],
  ['a scalar', [2, 3], []],
  ['both sides', [2, 1, 3], [4, 1]],
  ['the first side', [3], [2, 2, 3]],
];

const binary: GradientCase[] = ['Add', 'Sub', 'Mul', 'Div'].flatMap((operator) =>
  BROADCASTS.map(([name, a, b]) =>
    plainCase(operator, name, operator === 'Div' ? positive(a, b) : normal(a, b)),
  ),
);

const binaryElse: GradientCase[] = [
  ...['Add', 'Mul'].map((operator) =>
    plainCase(operator, 'open batch', normal([2, 3], [2, 3]), {}, { symbolic: 2 }),
  ),
  { ...plainCase('Mul', 'a value with itself', normal([3])), build: (g, [x = '']) => g.op('Mul', [x, x]) },
  plainCase('Pow', 'learned exponent', positive([2, 3], [3])),
  ...[2, 3, -0.5].map((power): GradientCase => ({
    ...plainCase('Pow', `to the ${power}`, positive([2, 3])),
    build: (g, [x = ''], real) => g.op('Pow', [x, real([], [power])]),
  })),
  ...['Max', 'Min'].flatMap((operator) => [
    plainCase(operator, 'two, broadcast', apart([2, 3], [3])),
    plainCase(operator, 'three', apart([2, 3], [2, 3], [1, 3])),
    plainCase(operator, 'one', apart([2])),
  ]),
  ...['Sum', 'Mean'].map((operator) => plainCase(operator, 'three, broadcast', normal([2, 3], [3], [2, 1]))),
  {
    ...plainCase('Where', 'broadcast', normal([2, 3], [3])),
    build: (g, [a = '', b = ''], real) =>
      g.op('Where', [g.op('Greater', [real([2, 3], [1, -1, 1, -1, -1, 1]), real([], [0])]), a, b]),
  },
  {
    ...plainCase('Clip', 'both bounds', apart([12])),
    build: (g, [x = ''], real) => g.op('Clip', [x, real([], [-0.24]), real([], [0.24])]),
  },
  {
    ...plainCase('Clip', 'upper bound', apart([12])),
    build: (g, [x = ''], real) => g.op('Clip', [x, '', real([], [0.24])]),
  },
  { ...plainCase('Clip', 'attributes of opset 6', apart([12]), { min: { float: -0.24 } }), opset: 10 },
];

const unary: GradientCase[] = [
  ...[
    'Identity',
    'Neg',
    'Exp',
    'Erf',
    'Sin',
    'Cos',
    'Atan',
    'Sinh',
    'Cosh',
    'Sigmoid',
    'Tanh',
    'Softplus',
    'Mish',
  ].map((operator) => plainCase(operator, '', normal([2, 5]))),
  ...['Log', 'Sqrt', 'Reciprocal'].map((operator) => plainCase(operator, '', positive([2, 5]))),
  plainCase('Tan', '', [{ shape: [3], spread: 'apart' }]),
  ...['Abs', 'Relu', 'LeakyRelu', 'Elu', 'Selu', 'Celu', 'Softsign', 'HardSwish'].map((operator) =>
    plainCase(operator, '', apart([2, 8])),
  ),
  plainCase('HardSwish', 'beyond its bends', apart([160])),
  plainCase('LeakyRelu', 'alpha', apart([2, 8]), { alpha: 0.3 }),
  plainCase('Elu', 'alpha', apart([2, 8]), { alpha: 0.5 }),
  plainCase('Celu', 'alpha', apart([2, 8]), { alpha: 0.5 }),
  plainCase('HardSigmoid', 'beyond its bends', apart([120]), { alpha: 1 / 2.4, beta: 0.5 }),
  plainCase('ThresholdedRelu', '', apart([2, 8]), { alpha: 0.12 }),
  plainCase('PRelu', 'slope per channel', apart([2, 3, 2], [3, 1])),
  plainCase('Gelu', 'erf', normal([2, 5])),
  plainCase('Gelu', 'tanh', normal([2, 5]), { approximate: 'tanh' }),
  {
    ...plainCase('Cast', 'to float64 and back', normal([4])),
    build: (g, [x = '']) =>
      g.op('Mul', [g.op('Cast', [g.op('Cast', [x], { to: 11 })], { to: 1 }), g.float(2)]),
    expected: (_, upstream) => 2 * upstream,
  },
  plainCase('Round', 'straight through', apart([6]), {}, { expected: (_, upstream) => upstream }),
];

const products: GradientCase[] = [
  plainCase('MatMul', '2 by 2 axes', normal([3, 4], [4, 2])),
  plainCase('MatMul', '3 by 2 axes', normal([2, 3, 4], [4, 2])),
  plainCase('MatMul', '3 by 2 axes, open batch', normal([2, 3, 4], [4, 2]), {}, { symbolic: 1 }),
  plainCase('MatMul', 'batches', normal([2, 3, 4], [2, 4, 2])),
  plainCase('MatMul', 'broadcast batches', normal([2, 1, 3, 4], [5, 4, 2])),
  plainCase('MatMul', 'matrix by batches', normal([3, 4], [2, 4, 2])),
  plainCase(
    'MatMul',
    'batches, FusedMatMul',
    normal([2, 3, 4], [2, 4, 2]),
    {},
    { forms: { fusedMatMul: true } },
  ),
  plainCase('MatMul', 'vector by vector', normal([4], [4])),
  plainCase('MatMul', 'matrix by vector', normal([2, 3, 4], [4])),
  plainCase('MatMul', 'vector by matrix', normal([4], [2, 4, 3])),
  ...[0, 1].flatMap((transA) =>
    [0, 1].map((transB) =>
      plainCase(
        'Gemm',
        `transA ${transA}, transB ${transB}, alpha, beta`,
        normal(transA === 1 ? [4, 3] : [3, 4], transB === 1 ? [2, 4] : [4, 2], [2]),
        { transA, transB, alpha: 0.7, beta: 1.3 },
      ),
    ),
  ),
  ...([[3, 2], [3, 1], [1, 2], []] as const).map((c) =>
    plainCase('Gemm', `C of [${c.join(', ')}]`, normal([3, 4], [4, 2], c)),
  ),
  plainCase(
    'Gemm',
    'open batch',
    normal([3, 4], [3, 2]),
    {},
    {
      symbolic: 2,
      build: (g, [a = '', b = '']) => g.op('Gemm', [a, b], { transA: 1 }),
    },
  ),
  ...['ij,jk->ik', 'bij,bkj->bik', 'ij,jk', 'bhid,bhjd->bhij'].map((equation) =>
    plainCase(
      'Einsum',
      equation,
      equation.startsWith('bh')
        ? normal([2, 2, 3, 2], [2, 2, 2, 2])
        : equation.startsWith('b')
          ? normal([2, 3, 4], [2, 2, 4])
          : normal([2, 3], [3, 4]),
      { equation },
    ),
  ),
  {
    ...plainCase('FusedMatMul', 'taken apart', normal([2, 4, 3], [2, 2, 4])),
    build: (g, x) =>
      g.op('FusedMatMul', x, { transA: 1, transB: 1, alpha: 0.5 }, { domain: 'com.microsoft' }),
  },
];

const REDUCTIONS = [
  'ReduceSum',
  'ReduceMean',
  'ReduceMax',
  'ReduceMin',
  'ReduceL1',
  'ReduceL2',
  'ReduceSumSquare',
  'ReduceLogSumExp',
  'ReduceProd',
  'ReduceLogSum',
];
const reduced: GradientCase[] = REDUCTIONS.flatMap((operator) => {
  const operands = ['ReduceProd', 'ReduceLogSum'].includes(operator) ? positive([2, 3, 4]) : apart([2, 3, 4]);
  const along = (name: string, axes: readonly number[], keepdims: number): GradientCase => ({
    ...plainCase(operator, name, operands),
    build: (g, [x = '']) => g.op(operator, [x, g.ints(axes)], { keepdims }),
  });
  return [
    along('inner axis', [1], 1),
    along('two axes, dropped', [-1, 0], 0),
    plainCase(operator, 'everything', operands, { keepdims: 0 }),
  ];
});

const reducedElse: GradientCase[] = [
  plainCase('ReduceMean', 'axes as attribute', normal([2, 3, 4]), { axes: [1], keepdims: 0 }, { opset: 13 }),
  plainCase('ReduceMean', 'open batch', normal([3, 4]), { axes: [0] }, { opset: 13, symbolic: 1 }),
  plainCase('ReduceSum', 'no axes, no reduction', normal([2, 3]), { noop_with_empty_axes: 1 }),
  plainCase('ReduceSum', 'open batch', normal([3, 4]), { keepdims: 0 }, { symbolic: 1 }),
];

const labels = (dims: readonly number[], list: readonly number[]) => int64(dims, list);
const soft: GradientCase[] = [
  ...['Softmax', 'LogSoftmax'].flatMap((operator) => [
    plainCase(operator, 'last axis', normal([3, 4])),
    plainCase(operator, 'inner axis', normal([2, 3, 2]), { axis: 1 }),
    plainCase(operator, 'flattened, of opset 11', normal([2, 3, 2]), { axis: 1 }, { opset: 11 }),
  ]),
  ...['mean', 'sum', 'none'].flatMap((reduction): GradientCase[] => [
    {
      ...plainCase('SoftmaxCrossEntropyLoss', reduction, normal([4, 3])),
      build: (g, [x = '']) =>
        g.op('SoftmaxCrossEntropyLoss', [x, g.constant('labels', labels([4], [0, 2, 1, 2]))], { reduction }),
    },
    {
      ...plainCase(
        'SoftmaxCrossEntropyLoss',
        `${reduction}, ignored labels, class weights, images`,
        normal([2, 3, 2]),
      ),
      build: (g, [x = ''], real) =>
        g.op(
          'SoftmaxCrossEntropyLoss',
          [x, g.constant('labels', labels([2, 2], [0, -1, 1, 2])), real([3], [0.5, 1, 2])],
          { reduction, ignore_index: -1 },
        ),
    },
  ]),
  {
    ...plainCase('SoftmaxCrossEntropyLoss', 'open batch', normal([4, 3])),
    symbolic: 1,
    build: (g, [x = '']) =>
      g.op('SoftmaxCrossEntropyLoss', [x, g.op('ArgMax', [x], { axis: 1, keepdims: 0 })]),
  },
  {
    ...plainCase('NegativeLogLikelihoodLoss', 'mean, class weights', normal([4, 3])),
    build: (g, [x = ''], real) =>
      g.op('NegativeLogLikelihoodLoss', [
        g.op('LogSoftmax', [x]),
        g.constant('labels', labels([4], [0, 2, 1, 2])),
        real([3], [0.5, 1, 2]),
      ]),
  },
];

export const arithmeticCases: readonly GradientCase[] = [
  ...binary,
  ...binaryElse,
  ...unary,
  ...products,
  ...reduced,
  ...reducedElse,
  ...soft,
];
