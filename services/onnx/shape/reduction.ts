// Operators that fold axes into one value. ReduceSum takes its axes as an input from opset 13, the others from 18.
import { intOf, intsOf } from '../attributes.js';
import { product } from '../dims.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { numbers, positiveAxis, typed, type Question, type Rule, type Rules } from './rule.js';

/** Undefined where they are computed; 'none' where the node reduces nothing. */
export function reducedAxes(question: Question): number[] | undefined | 'all' | 'none' {
  const { node, inputs, opset } = question;
  const byInput = opset >= (node.opType === 'ReduceSum' ? 13 : 18);
  const asked = byInput ? numbers(inputs[1]) : intsOf(node, 'axes');
  if (byInput && inputs[1] !== undefined && asked === undefined) return undefined;
  if (asked !== undefined && asked.length > 0) return asked;
  return intOf(node, 'noop_with_empty_axes', 0) === 0 ? 'all' : 'none';
}

const reduce: Rule = (question) => {
  const { node, inputs } = question;
  const [x] = inputs;
  if (x === undefined) return [];
  const axes = reducedAxes(question);
  if (x.shape === undefined || axes === undefined) return [typed(x.dataType)];
  if (axes === 'none') return [typed(x.dataType, x.shape)];
  const { shape } = x;
  const folded = new Set(
    axes === 'all' ? shape.map((_, i) => i) : axes.map((axis) => positiveAxis(question, axis, shape.length)),
  );
  const keep = intOf(node, 'keepdims', 1) !== 0;
  const left = shape.flatMap((dim, i) => (folded.has(i) ? (keep ? [1] : []) : [dim]));
  const content =
    node.opType === 'ReduceProd' && x.content !== undefined && folded.size === shape.length
      ? [product(x.content)]
      : undefined;
  return [typed(x.dataType, left, content)];
};

const argument: Rule = (question) => {
  const { node, inputs } = question;
  const shape = inputs[0]?.shape;
  if (shape === undefined) return [typed(T.INT64)];
  const axis = positiveAxis(question, intOf(node, 'axis', 0), shape.length);
  const keep = intOf(node, 'keepdims', 1) !== 0;
  return [
    typed(
      T.INT64,
      shape.flatMap((dim, i) => (i === axis ? (keep ? [1] : []) : [dim])),
    ),
  ];
};

const NAMES = 'Sum Mean Max Min Prod L1 L2 LogSum LogSumExp SumSquare';

export const reduction: Rules = {
  ...Object.fromEntries(NAMES.split(' ').map((name) => [`Reduce${name}`, reduce])),
  ArgMax: argument,
  ArgMin: argument,
};
