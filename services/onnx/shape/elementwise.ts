// Operators that work element by element, with broadcasting where there are several inputs.
import { intOf } from '../attributes.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { binaryContent, whereContent } from './content.js';
import {
  broadcast,
  numbers,
  sameAs,
  typed,
  type Inferred,
  type Question,
  type Rule,
  type Rules,
} from './rule.js';

const like: Rule = ({ inputs: [x] }) => [sameAs(x)];
const keeping: Rule = ({ inputs: [x] }) => [x];

const floats = new Set([T.FLOAT, T.DOUBLE, T.FLOAT16, T.BFLOAT16]);

const arithmetic: Rule = (question) => {
  const { node, inputs } = question;
  const [a, b] = inputs;
  if (a === undefined) return [];
  const shape = broadcast(
    question,
    inputs.map((input) => input?.shape),
  );
  const single = inputs.length === 1 ? a.content : undefined;
  // A rounded quotient is right for integers alone.
  const content =
    node.opType === 'Div' && floats.has(a.dataType) ? floatQuotient(a, b) : binaryContent(node.opType, a, b);
  return [typed(a.dataType, shape, single ?? (inputs.length === 2 ? content : undefined))];
};

function floatQuotient(a: Inferred, b: Inferred | undefined): number[] | undefined {
  const [x, y] = [numbers(a), numbers(b)];
  if (x === undefined || y === undefined || (x.length !== y.length && y.length !== 1)) return undefined;
  return x.map((one, i) => one / (y[y.length === 1 ? 0 : i] ?? 1));
}

const comparison: Rule = (question) => {
  const { node, inputs } = question;
  const shape = broadcast(
    question,
    inputs.map((input) => input?.shape),
  );
  return [typed(T.BOOL, shape, binaryContent(node.opType, inputs[0], inputs[1]))];
};

const where: Rule = (question) => {
  const [condition, a, b] = question.inputs;
  const value = a ?? b;
  if (value === undefined) return [];
  const shape = broadcast(question, [condition?.shape, a?.shape, b?.shape]);
  return [typed(value.dataType, shape, whereContent(condition, a, b))];
};

const cast = ({ node, inputs: [x] }: Question): (Inferred | undefined)[] => {
  const to = intOf(node, 'to', T.FLOAT) as T;
  return [
    typed(to, x?.shape, floats.has(to) || x?.content === undefined ? x?.content : truncated(x.content)),
  ];
};

const truncated = (content: NonNullable<Inferred['content']>) =>
  content.map((one) => (typeof one === 'number' ? Math.trunc(one) : one));

const rounding =
  (round: (x: number) => number): Rule =>
  ({ inputs: [x] }) => {
    const values = numbers(x);
    return [x === undefined ? undefined : typed(x.dataType, x.shape, values?.map(round))];
  };

const dropout: Rule = ({ inputs: [x], opset }) => {
  if (x === undefined) return [];
  return [sameAs(x), typed(opset < 10 ? x.dataType : T.BOOL, x.shape)];
};

const each = (names: string, rule: Rule): Rules =>
  Object.fromEntries(names.split(' ').map((name) => [name, rule]));

export const elementwise: Rules = {
  ...each('Identity', keeping),
  ...each(
    'Abs Neg Sqrt Exp Log Reciprocal Erf Clip Relu LeakyRelu Sigmoid Tanh Gelu HardSwish HardSigmoid Elu Selu Celu Softplus ' +
      'Softsign ThresholdedRelu Mish Swish Sign Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh Shrink CumSum Trilu ' +
      'PRelu BitwiseNot Softmax LogSoftmax Hardmax BiasGelu FastGelu QuickGelu LpNormalization MeanVarianceNormalization',
    like,
  ),
  ...each('Add Sub Mul Div Pow Mod Min Max Sum Mean BitShift BitwiseAnd BitwiseOr BitwiseXor', arithmetic),
  ...each('Equal Greater GreaterOrEqual Less LessOrEqual And Or Xor', comparison),
  ...each('Not IsNaN IsInf', ({ inputs: [x] }) => [typed(T.BOOL, x?.shape)]),
  Floor: rounding(Math.floor),
  Ceil: rounding(Math.ceil),
  Round: like,
  Where: where,
  Cast: cast,
  CastLike: ({ inputs: [x, target] }) => [
    target === undefined ? undefined : typed(target.dataType, x?.shape),
  ],
  Dropout: dropout,
};
