// Operators that move elements about without changing them: shapes in, shapes out.
import { intOf, intsOf } from '../attributes.js';
import { add, floorDivide, multiply, product } from '../dims.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import type { Dim } from '../value-info.js';
import {
  broadcast,
  mismatch,
  numbers,
  positiveAxis,
  show,
  typed,
  type Inferred,
  type Question,
  type Rule,
  type Rules,
} from './rule.js';

const unknown = (x: Inferred | undefined): Inferred[] => (x === undefined ? [] : [typed(x.dataType)]);

/** 0 keeps the size at that place (unless allowzero), -1 takes what is left. */
const reshape: Rule = (question) => {
  const { node, inputs, opset } = question;
  const [x, target] = inputs;
  const wanted = opset < 5 ? intsOf(node, 'shape') : target?.content;
  if (x === undefined) return [];
  if (wanted === undefined) {
    const rank = target?.shape?.[0];
    if (typeof rank !== 'number') return unknown(x);
    return [
      typed(
        x.dataType,
        Array.from({ length: rank }, () => question.unknownDim()),
      ),
    ];
  }
  const keepZero = intOf(node, 'allowzero', 0) !== 0;
  const shape = wanted.map((dim, i) =>
    dim === 0 && !keepZero ? (x.shape?.[i] ?? question.unknownDim()) : dim,
  );
  const hole = shape.indexOf(-1);
  if (hole >= 0) {
    const rest = product(shape.filter((_, i) => i !== hole));
    shape[hole] =
      x.shape === undefined || rest === 0 ? question.unknownDim() : floorDivide(product(x.shape), rest);
  }
  if (x.shape !== undefined) {
    const [before, after] = [product(x.shape), product(shape)];
    if (typeof before === 'number' && typeof after === 'number' && before !== after) {
      throw mismatch(question, `${show(x.shape)} cannot become ${show(wanted)}`);
    }
  }
  return [typed(x.dataType, shape, x.content)];
};

const flatten: Rule = (question) => {
  const [x] = question.inputs;
  if (x?.shape === undefined) return unknown(x);
  const axis = intOf(question.node, 'axis', 1);
  const at = axis < 0 ? axis + x.shape.length : axis;
  return [typed(x.dataType, [product(x.shape.slice(0, at)), product(x.shape.slice(at))])];
};

const transpose: Rule = ({ node, inputs: [x] }) => {
  if (x?.shape === undefined) return unknown(x);
  const { shape } = x;
  const order = intsOf(node, 'perm') ?? shape.map((_, i) => shape.length - 1 - i);
  return [
    typed(
      x.dataType,
      order.map((from) => shape[from] ?? 1),
    ),
  ];
};

/** Axes are an attribute up to opset 12 and an input from 13. */
function axesOf({ node, inputs, opset }: Question): number[] | undefined | 'all' {
  if (opset < 13) return intsOf(node, 'axes') ?? 'all';
  return inputs[1] === undefined ? 'all' : numbers(inputs[1]);
}

const squeeze: Rule = (question) => {
  const [x] = question.inputs;
  const axes = axesOf(question);
  if (x?.shape === undefined || axes === undefined) return unknown(x);
  const { shape } = x;
  const gone =
    axes === 'all'
      ? shape.flatMap((dim, i) => (dim === 1 ? [i] : []))
      : axes.map((axis) => positiveAxis(question, axis, shape.length));
  return [
    typed(
      x.dataType,
      shape.filter((_, i) => !gone.includes(i)),
      x.content,
    ),
  ];
};

const unsqueeze: Rule = (question) => {
  const [x] = question.inputs;
  const axes = axesOf(question);
  if (x?.shape === undefined || axes === undefined || axes === 'all') return unknown(x);
  const rank = x.shape.length + axes.length;
  const added = new Set(axes.map((axis) => positiveAxis(question, axis, rank)));
  const rest = [...x.shape];
  return [
    typed(
      x.dataType,
      Array.from({ length: rank }, (_, i) => (added.has(i) ? 1 : (rest.shift() ?? 1))),
      x.content,
    ),
  ];
};

const expand: Rule = (question) => {
  const [x, target] = question.inputs;
  if (x === undefined) return [];
  const shape = target?.content === undefined ? undefined : broadcast(question, [x.shape, target.content]);
  const count = shape === undefined ? undefined : product(shape);
  const [only] = x.content ?? [];
  const content = x.content?.length === 1 && typeof count === 'number' && count <= 64 && only !== undefined;
  return [typed(x.dataType, shape, content ? Array.from({ length: count }, () => only) : undefined)];
};

const tile: Rule = ({ inputs: [x, repeats] }) => {
  if (x?.shape === undefined || repeats?.content === undefined) return unknown(x);
  const times = repeats.content;
  return [
    typed(
      x.dataType,
      x.shape.map((dim, i) => multiply(dim, times[i] ?? 1)),
    ),
  ];
};

const pad: Rule = (question) => {
  const { node, inputs, opset } = question;
  const [x, given] = inputs;
  const pads: readonly Dim[] | undefined =
    opset < 11 ? (intsOf(node, 'pads') ?? intsOf(node, 'paddings')) : given?.content;
  if (x?.shape === undefined || pads === undefined) return unknown(x);
  const { shape } = x;
  const axes =
    inputs[3] === undefined
      ? shape.map((_, i) => i)
      : numbers(inputs[3])?.map((axis) => positiveAxis(question, axis, shape.length));
  if (axes === undefined) return unknown(x);
  const padded = [...shape];
  axes.forEach(
    (axis, i) => (padded[axis] = add(add(padded[axis] ?? 1, pads[i] ?? 0), pads[i + axes.length] ?? 0)),
  );
  return [typed(x.dataType, padded)];
};

const depthToSpace: Rule = ({ node, inputs: [x] }) => {
  if (x?.shape === undefined) return unknown(x);
  const block = intOf(node, 'blocksize', 1);
  const [n = 1, c = 1, h = 1, w = 1] = x.shape;
  return [typed(x.dataType, [n, floorDivide(c, block * block), multiply(h, block), multiply(w, block)])];
};

const spaceToDepth: Rule = ({ node, inputs: [x] }) => {
  if (x?.shape === undefined) return unknown(x);
  const block = intOf(node, 'blocksize', 1);
  const [n = 1, c = 1, h = 1, w = 1] = x.shape;
  return [typed(x.dataType, [n, multiply(c, block * block), floorDivide(h, block), floorDivide(w, block)])];
};

const shapeOf: Rule = ({ node, inputs: [x] }) => {
  if (x?.shape === undefined) return [typed(T.INT64, undefined)];
  const end = intOf(node, 'end', x.shape.length);
  const content = x.shape.slice(intOf(node, 'start', 0), end);
  return [typed(T.INT64, [content.length], content)];
};

const sizeOf: Rule = ({ inputs: [x] }) => [
  typed(T.INT64, [], x?.shape === undefined ? undefined : [product(x.shape)]),
];

export const layout: Rules = {
  Reshape: reshape,
  Flatten: flatten,
  Transpose: transpose,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Expand: expand,
  Tile: tile,
  Pad: pad,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  Shape: shapeOf,
  Size: sizeOf,
};
