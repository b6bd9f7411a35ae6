// Sliding windows: convolutions and pools. The size along an axis is (in + pads - dilation*(k-1) - 1) / stride + 1.
import { intOf, intsOf, stringOf } from '../attributes.js';
import { add, ceilDivide, floorDivide, multiply, subtract } from '../dims.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import type { Dim } from '../value-info.js';
import {
  canEqual,
  mismatch,
  show,
  typed,
  type Inferred,
  type Question,
  type Rule,
  type Rules,
} from './rule.js';

export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Begins of all axes, then ends. */
  readonly pads: readonly number[];
}

/** Attributes with their defaults; `kernel` where the node does not name it (convolutions may leave it to the weights). */
export function windowOf(
  { node }: Pick<Question, 'node'>,
  spatialRank: number,
  kernel: readonly number[] = [],
): Window {
  const ones = Array.from({ length: spatialRank }, () => 1);
  return {
    kernel: intsOf(node, 'kernel_shape') ?? kernel,
    strides: intsOf(node, 'strides') ?? ones,
    dilations: intsOf(node, 'dilations') ?? ones,
    pads: intsOf(node, 'pads') ?? [...ones, ...ones].map(() => 0),
  };
}

function slidOver(question: Question, input: readonly Dim[], window: Window, ceil = false): Dim[] {
  const auto = stringOf(question.node, 'auto_pad', 'NOTSET');
  return input.map((size, i) => {
    const [stride = 1, dilation = 1, kernel = 1] = [window.strides[i], window.dilations[i], window.kernel[i]];
    const reach = dilation * (kernel - 1) + 1;
    if (auto.startsWith('SAME')) return ceilDivide(size, stride);
    const padBegin = auto === 'VALID' ? 0 : (window.pads[i] ?? 0);
    const pads = auto === 'VALID' ? 0 : padBegin + (window.pads[i + input.length] ?? 0);
    const room = subtract(add(size, pads), reach);
    if (typeof room === 'number' && room < 0)
      throw mismatch(question, `a window of ${reach} over ${size} with ${pads} of padding`);
    if (!ceil) return add(floorDivide(room, stride), 1);
    const rounded = add(ceilDivide(room, stride), 1);
    // A last window that would begin in the end padding is left out.
    const beginsOutside =
      typeof rounded === 'number' && typeof size === 'number' && (rounded - 1) * stride >= size + padBegin;
    return beginsOutside ? rounded - 1 : rounded;
  });
}

const convolution =
  (weights: number, resultType: (question: Question) => T | undefined): Rule =>
  (question) => {
    const { node, inputs } = question;
    const [x, w] = [inputs[0]?.shape, inputs[weights]?.shape];
    const dataType = resultType(question);
    if (dataType === undefined) return [];
    if (x === undefined || w === undefined) return [typed(dataType)];
    const group = intOf(node, 'group', 1);
    const channels = w[1];
    if (x.length !== w.length) throw mismatch(question, `${show(x)} and weights ${show(w)} differ in rank`);
    if (channels !== undefined && !canEqual(x[1], multiply(channels, group))) {
      throw mismatch(question, `${show(x)} against weights ${show(w)} in ${group} groups`);
    }
    const window = windowOf(question, x.length - 2, w.slice(2).map(Number));
    return [typed(dataType, [x[0] ?? 1, w[0] ?? 1, ...slidOver(question, x.slice(2), window)])];
  };

const transposed: Rule = (question) => {
  const { node, inputs } = question;
  const [x, w] = inputs;
  if (x === undefined) return [];
  if (x.shape === undefined || w?.shape === undefined) return [typed(x.dataType)];
  const spatial = x.shape.slice(2);
  const window = windowOf(question, spatial.length, w.shape.slice(2).map(Number));
  const outputPadding = intsOf(node, 'output_padding') ?? [];
  const fixed = intsOf(node, 'output_shape');
  const same = stringOf(node, 'auto_pad', 'NOTSET').startsWith('SAME');
  const sizes = spatial.map((size, i): Dim => {
    const given = fixed?.[fixed.length - spatial.length + i];
    if (given !== undefined) return given;
    const [stride = 1, dilation = 1, kernel = 1] = [window.strides[i], window.dilations[i], window.kernel[i]];
    if (same) return multiply(size, stride);
    const pads = (window.pads[i] ?? 0) + (window.pads[i + spatial.length] ?? 0);
    return add(
      multiply(subtract(size, 1), stride),
      (outputPadding[i] ?? 0) + (kernel - 1) * dilation + 1 - pads,
    );
  });
  const channels = multiply(w.shape[1] ?? 1, intOf(node, 'group', 1));
  return [typed(x.dataType, [x.shape[0] ?? 1, channels, ...sizes])];
};

const pool: Rule = (question) => {
  const { node, inputs } = question;
  const [x] = inputs;
  if (x?.shape === undefined) return x === undefined ? [] : [typed(x.dataType)];
  const window = windowOf(question, x.shape.length - 2);
  const sizes = slidOver(question, x.shape.slice(2), window, intOf(node, 'ceil_mode', 0) !== 0);
  const shape = [...x.shape.slice(0, 2), ...sizes];
  return [typed(x.dataType, shape), typed(T.INT64, shape)];
};

const globalPool: Rule = ({ inputs: [x] }) => {
  if (x === undefined) return [];
  return [
    typed(
      x.dataType,
      x.shape?.map((dim, i) => (i < 2 ? dim : 1)),
    ),
  ];
};

const unpool: Rule = (question) => {
  const [x] = question.inputs;
  if (x?.shape === undefined) return x === undefined ? [] : [typed(x.dataType)];
  const asked = question.inputs[2]?.content;
  if (asked !== undefined) return [typed(x.dataType, asked)];
  const { kernel, strides, pads } = windowOf(question, x.shape.length - 2);
  const sizes = x.shape.slice(2).map((size, i) => {
    const cut = (pads[i] ?? 0) + (pads[i + kernel.length] ?? 0);
    return subtract(add(multiply(subtract(size, 1), strides[i] ?? 1), kernel[i] ?? 1), cut);
  });
  return [typed(x.dataType, [...x.shape.slice(0, 2), ...sizes])];
};

const first = ({ inputs }: Question): Inferred['dataType'] | undefined => inputs[0]?.dataType;

export const window: Rules = {
  Conv: convolution(1, first),
  FusedConv: convolution(1, first),
  ConvInteger: convolution(1, () => T.INT32),
  QLinearConv: convolution(3, ({ inputs }) => inputs[7]?.dataType),
  ConvTranspose: transposed,
  MaxPool: pool,
  AveragePool: pool,
  LpPool: pool,
  GlobalAveragePool: globalPool,
  GlobalMaxPool: globalPool,
  GlobalLpPool: globalPool,
  MaxUnpool: unpool,
};
