// Operators that make tensors from shapes or from nothing.
import { intOf, intsOf, tensorOf } from '../attributes.js';
import { constantOf } from '../constants.js';
import { floorDivide, subtract } from '../dims.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { elementCount, numberValues, readTensor, type Tensor } from '../tensor.js';
import { numbers, typed, type Inferred, type Question, type Rule, type Rules } from './rule.js';

const PLAIN = new Set([T.INT64, T.INT32, T.FLOAT, T.BOOL]);

/** Type, shape and, for small integers and floats, the elements. */
export function inferredConstant(tensor: Tensor): Inferred {
  const small = elementCount(tensor.dims) <= 64 && PLAIN.has(tensor.dataType);
  return typed(tensor.dataType, tensor.dims, small ? numberValues(tensor) : undefined);
}

const constant: Rule = ({ node }) => {
  const value = constantOf(node);
  return [value === undefined ? undefined : inferredConstant(value)];
};

const constantOfShape: Rule = ({ node, inputs: [shape] }) => {
  const proto = tensorOf(node, 'value');
  const value = proto === undefined ? undefined : readTensor(proto);
  const dims = shape?.content;
  const count =
    dims?.every((dim) => typeof dim === 'number') === true ? elementCount(dims as number[]) : Infinity;
  const fill = value === undefined ? 0 : PLAIN.has(value.dataType) ? numberValues(value)[0] : undefined;
  const content = count <= 64 && fill !== undefined ? Array.from({ length: count }, () => fill) : undefined;
  return [typed(value?.dataType ?? T.FLOAT, dims, content)];
};

const range: Rule = (question) => {
  const [start, limit, delta] = question.inputs;
  const dataType = start?.dataType ?? T.INT64;
  const [from, to, step] = [start?.content?.[0], limit?.content?.[0], numbers(delta)?.[0]];
  if (from === undefined || to === undefined || step === undefined)
    return [typed(dataType, [question.unknownDim()])];
  const span = subtract(to, from);
  if (typeof span !== 'number' || typeof from !== 'number') {
    return [
      typed(dataType, [step === 1 ? span : step > 0 ? floorDivide(span, step) : question.unknownDim()]),
    ];
  }
  const count = Math.max(0, Math.ceil(span / step));
  return [
    typed(
      dataType,
      [count],
      count <= 64 ? Array.from({ length: count }, (_, i) => from + i * step) : undefined,
    ),
  ];
};

const random: Rule = ({ node }) => [typed(intOf(node, 'dtype', T.FLOAT), intsOf(node, 'shape') ?? [])];

const randomLike: Rule = ({ node, inputs: [x] }: Question) => [
  typed(intOf(node, 'dtype', x?.dataType ?? T.FLOAT), x?.shape),
];

const eyeLike: Rule = ({ node, inputs: [x] }) => [
  typed(intOf(node, 'dtype', x?.dataType ?? T.FLOAT), x?.shape),
];

export const generation: Rules = {
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Range: range,
  RandomNormal: random,
  RandomUniform: random,
  RandomNormalLike: randomLike,
  RandomUniformLike: randomLike,
  Bernoulli: randomLike,
  EyeLike: eyeLike,
};
