// Operators that pick, cut and join along axes.
import { intOf, intsOf } from '../attributes.js';
import { add, ceilDivide, floorDivide, smaller, subtract } from '../dims.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import type { Dim } from '../value-info.js';
import {
  canEqual,
  mismatch,
  numbers,
  positiveAxis,
  sameAs,
  show,
  typed,
  type Inferred,
  type Question,
  type Rule,
  type Rules,
} from './rule.js';

const unknown = (x: Inferred | undefined): Inferred[] => (x === undefined ? [] : [typed(x.dataType)]);

const gather: Rule = (question) => {
  const [x, indices] = question.inputs;
  if (x?.shape === undefined || indices?.shape === undefined) return unknown(x);
  const axis = positiveAxis(question, intOf(question.node, 'axis', 0), x.shape.length);
  const picked = numbers(indices);
  const { content } = x;
  const values =
    content !== undefined && x.shape.length === 1
      ? picked?.map((i) => content[i < 0 ? i + content.length : i] ?? 0)
      : undefined;
  return [
    typed(x.dataType, [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)], values),
  ];
};

const gatherNd: Rule = ({ node, inputs: [x, indices] }) => {
  const depth = indices?.shape?.at(-1);
  if (x?.shape === undefined || indices?.shape === undefined || typeof depth !== 'number') return unknown(x);
  return [
    typed(x.dataType, [
      ...indices.shape.slice(0, -1),
      ...x.shape.slice(intOf(node, 'batch_dims', 0) + depth),
    ]),
  ];
};

const concat: Rule = (question) => {
  const { node, inputs } = question;
  const [first] = inputs;
  const shapes = inputs.map((input) => input?.shape);
  if (first === undefined || !shapes.every((shape) => shape !== undefined)) return unknown(first);
  const [lead = []] = shapes;
  const axis = positiveAxis(question, intOf(node, 'axis', 1), lead.length);
  const joined = lead.map((dim, i) => {
    if (i === axis) return shapes.reduce<Dim>((sum, shape) => add(sum, shape[i] ?? 0), 0);
    const other = shapes.find((shape) => shape.length !== lead.length || !canEqual(shape[i], dim));
    if (other !== undefined)
      throw mismatch(question, `${show(lead)} beside ${show(other)} along axis ${axis}`);
    // Of a name and a number the number is the better answer.
    return shapes.map((shape) => shape[i] ?? dim).find((size) => typeof size === 'number') ?? dim;
  });
  const contents = inputs.map((input) => input?.content);
  const content =
    lead.length === 1 && contents.every((one) => one !== undefined) ? contents.flat() : undefined;
  return [typed(first.dataType, joined, content)];
};

const split: Rule = (question) => {
  const { node, inputs, opset } = question;
  const [x, sizes] = inputs;
  const count = node.output.length;
  if (x?.shape === undefined) return node.output.flatMap(() => unknown(x));
  const { shape } = x;
  const axis = positiveAxis(question, intOf(node, 'axis', 0), shape.length);
  const whole = shape[axis] ?? 1;
  const given: readonly Dim[] | undefined = opset < 13 ? intsOf(node, 'split') : sizes?.content;
  const even = ceilDivide(whole, count);
  return node.output.map((_, i) => {
    const last = i === count - 1 && typeof even === 'number' ? subtract(whole, even * (count - 1)) : even;
    const size =
      given?.[i] ??
      (sizes === undefined || opset < 13
        ? typeof whole === 'number'
          ? last
          : floorDivide(whole, count)
        : question.unknownDim());
    return typed(
      x.dataType,
      shape.map((dim, at) => (at === axis ? size : dim)),
    );
  });
};

interface Cut {
  readonly start: Dim;
  readonly end: Dim;
  readonly axis: number;
  readonly step: number;
}

function cutsOf(question: Question, rank: number): Cut[] | undefined {
  const { node, inputs, opset } = question;
  const [, starts, ends, axes, steps] =
    opset < 10
      ? [undefined, intsOf(node, 'starts'), intsOf(node, 'ends'), intsOf(node, 'axes'), undefined]
      : [undefined, ...inputs.slice(1, 3).map((input) => input?.content), ...inputs.slice(3, 5).map(numbers)];
  const omitted = (i: number): boolean => opset < 10 || inputs[i] === undefined;
  if (starts === undefined || ends === undefined) return undefined;
  if ((axes === undefined && !omitted(3)) || (steps === undefined && !omitted(4))) return undefined;
  return starts.map((start, i) => ({
    start,
    end: ends[i] ?? 0,
    axis: positiveAxis(question, Number(axes?.[i] ?? i), rank),
    step: Number(steps?.[i] ?? 1),
  }));
}

const slice: Rule = (question) => {
  const [x] = question.inputs;
  if (x?.shape === undefined) return unknown(x);
  const cuts = cutsOf(question, x.shape.length);
  if (cuts === undefined)
    return [
      typed(
        x.dataType,
        x.shape.map(() => question.unknownDim()),
      ),
    ];
  const shape = [...x.shape];
  for (const cut of cuts) shape[cut.axis] = cutSize(question, shape[cut.axis] ?? 1, cut);
  const [only] = cuts;
  const sliced = x.content !== undefined && x.shape.length === 1 && cuts.length === 1 && only !== undefined;
  return [typed(x.dataType, shape, sliced ? cutContent(x.content ?? [], only) : undefined)];
};

function cutSize(question: Question, size: Dim, { start, end, step }: Cut): Dim {
  if (step < 0) {
    if (typeof size !== 'number' || typeof start !== 'number' || typeof end !== 'number') {
      return start === -1 && typeof end === 'number' && end < -(2 ** 30) && step === -1
        ? size
        : question.unknownDim();
    }
    const from = Math.min(start < 0 ? start + size : start, size - 1);
    const to = Math.max(end < 0 ? end + size : end, -1);
    return Math.max(0, Math.ceil((to - from) / step));
  }
  const from = clamp(start, size);
  const to = clamp(end, size);
  const span = subtract(to, from);
  return typeof span === 'number' ? Math.max(0, Math.ceil(span / step)) : ceilDivide(span, step);
}

/** Counted from the end if negative, and within 0 to size. */
function clamp(place: Dim, size: Dim): Dim {
  if (typeof place === 'number' && place < 0) {
    const fromEnd = add(size, place);
    return typeof fromEnd === 'number' ? Math.max(0, fromEnd) : fromEnd;
  }
  // Exporters write a huge number for "to the end".
  if (typeof place === 'number' && place >= 2 ** 31 - 1) return size;
  return place === 0 ? 0 : smaller(place, size);
}

function cutContent(content: readonly Dim[], { start, end, step }: Cut): Dim[] | undefined {
  if (typeof start !== 'number' || typeof end !== 'number') return undefined;
  if (step === 1) return content.slice(start, end);
  const size = content.length;
  const kept: Dim[] = [];
  if (step > 0)
    for (let i = start < 0 ? start + size : start; i < Math.min(size, end < 0 ? end + size : end); i += step)
      kept.push(content[i] ?? 0);
  else
    for (
      let i = Math.min(start < 0 ? start + size : start, size - 1);
      i > (end < 0 ? end + size : end) && i >= 0;
      i += step
    )
      kept.push(content[i] ?? 0);
  return kept;
}

const topK: Rule = (question) => {
  const { node, inputs, opset } = question;
  const [x, k] = inputs;
  if (x?.shape === undefined) return unknown(x);
  const axis = positiveAxis(question, intOf(node, 'axis', -1), x.shape.length);
  const kept = opset < 10 ? intOf(node, 'k', 1) : (k?.content?.[0] ?? question.unknownDim());
  const shape = x.shape.map((dim, i) => (i === axis ? kept : dim));
  return [typed(x.dataType, shape), typed(T.INT64, shape)];
};

const oneHot: Rule = (question) => {
  const [indices, depth, values] = question.inputs;
  if (values === undefined || indices?.shape === undefined) return unknown(values);
  const axis = positiveAxis(question, intOf(question.node, 'axis', -1), indices.shape.length + 1);
  const size = depth?.content?.[0] ?? question.unknownDim();
  return [typed(values.dataType, [...indices.shape.slice(0, axis), size, ...indices.shape.slice(axis)])];
};

const nonZero: Rule = (question) => [
  typed(T.INT64, [question.inputs[0]?.shape?.length ?? question.unknownDim(), question.unknownDim()]),
];

const likeFirst: Rule = ({ inputs: [x] }) => [sameAs(x)];

export const indexing: Rules = {
  Gather: gather,
  GatherElements: ({ inputs: [x, indices] }) => (x === undefined ? [] : [typed(x.dataType, indices?.shape)]),
  GatherND: gatherNd,
  Concat: concat,
  Split: split,
  Slice: slice,
  TopK: topK,
  OneHot: oneHot,
  NonZero: nonZero,
  Scatter: likeFirst,
  ScatterElements: likeFirst,
  ScatterND: likeFirst,
  ReverseSequence: likeFirst,
};
