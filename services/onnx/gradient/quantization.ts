// Backward rules of QuantizeLinear and DequantizeLinear: rounding is passed straight through, values outside the range of
// the integer get nothing. Together they give the scale the gradient of learned step sizes (Esser et al., 2020).
import { intOf } from '../attributes.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { sumTo } from './broadcast.js';
import type { Asked, GradientRule, GradientRules } from './rule.js';

const RANGES = new Map<T, readonly [number, number]>([
  [T.UINT8, [0, 255]],
  [T.INT8, [-128, 127]],
  [T.UINT16, [0, 65535]],
  [T.INT16, [-32768, 32767]],
  [T.UINT4, [0, 15]],
  [T.INT4, [-8, 7]],
]);

/** A scale or zero point along the axis, shaped to broadcast over the value. */
function alongAxis(asked: Asked, name: string, value: string): string {
  const { write } = asked;
  if (write.rank(name) === 0) return name;
  if (write.rank(name) > 1 || intOf(asked.node, 'block_size', 0) !== 0) throw asked.refuse('blocks');
  const rank = write.rank(value);
  const axis = intOf(asked.node, 'axis', 1);
  const at = axis < 0 ? axis + rank : axis;
  return write.op('Reshape', [name, write.ints(Array.from({ length: rank }, (_, i) => (i === at ? -1 : 1)))]);
}

/** Summed to the shape of the scale: everything but its axis. */
function sumToScale(asked: Asked, gradient: string, value: string, scale: string): string {
  const { write } = asked;
  if (write.rank(scale) === 0) return sumTo(write, gradient, write.shape(value), scale);
  const rank = write.rank(value);
  const axis = intOf(asked.node, 'axis', 1);
  const at = axis < 0 ? axis + rank : axis;
  const others = Array.from({ length: rank }, (_, i) => i).filter((i) => i !== at);
  return write.reduce('Sum', gradient, others, false);
}

function zeroPoint(asked: Asked, value: string, to: T): string | undefined {
  if (!asked.has(2)) return undefined;
  return asked.write.op('Cast', [alongAxis(asked, asked.input(2), value)], { to });
}

const dequantize: GradientRule = (asked) => {
  const { write, dY } = asked;
  const [q, scale] = [asked.input(0), asked.input(1)];
  const to = write.dataType(scale);
  const level = (): string => {
    const zero = zeroPoint(asked, q, to);
    const plain = write.op('Cast', [q], { to });
    return zero === undefined ? plain : write.op('Sub', [plain, zero]);
  };
  return [
    asked.wants(0) ? write.op('Mul', [dY, alongAxis(asked, scale, q)]) : undefined,
    asked.wants(1) ? sumToScale(asked, write.op('Mul', [dY, level()]), q, scale) : undefined,
  ];
};

const quantize: GradientRule = (asked) => {
  const { write, dY } = asked;
  const [x, scale] = [asked.input(0), asked.input(1)];
  const range = RANGES.get(asked.has(2) ? write.dataType(asked.input(2)) : T.UINT8);
  if (range === undefined) throw asked.refuse('this integer type');
  const step = alongAxis(asked, scale, x);
  const zero = zeroPoint(asked, x, write.dataType(x));
  const bound = (value: number): string => {
    const end = write.float(value, x);
    return zero === undefined ? end : write.op('Sub', [end, zero]);
  };
  const steps = write.op('Div', [x, step]);
  const inside = write.op('And', [
    write.op('GreaterOrEqual', [steps, bound(range[0])]),
    write.op('LessOrEqual', [steps, bound(range[1])]),
  ]);
  const passed = write.op('Where', [inside, write.op('Div', [dY, step]), write.float(0, x)]);
  const dScale = (): string => {
    const sum = sumToScale(asked, write.op('Mul', [passed, steps]), x, scale);
    return write.op('Neg', [sum]);
  };
  return [asked.wants(0) ? passed : undefined, asked.wants(1) ? dScale() : undefined];
};

export const quantization: GradientRules = { QuantizeLinear: quantize, DequantizeLinear: dequantize };
