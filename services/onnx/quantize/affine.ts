// Integers for real numbers: q = clamp(round(x / scale) + zero), x ~ scale (q - zero), rounding half to even as onnxruntime
// does (Jacob et al., 2018). Everything in this folder computes scales here and nowhere else.
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';

export interface Levels {
  readonly dataType: T;
  readonly lowest: number;
  readonly highest: number;
}

export const UINT8: Levels = { dataType: T.UINT8, lowest: 0, highest: 255 };
export const UINT16: Levels = { dataType: T.UINT16, lowest: 0, highest: 65_535 };

/** Signed and symmetric: without the lowest value, so that w and -w are both exact. */
export const signed = (bits: number): Levels => ({
  dataType: bits > 8 ? T.INT16 : T.INT8,
  lowest: 1 - 2 ** (bits - 1),
  highest: 2 ** (bits - 1) - 1,
});

export interface Range {
  readonly lowest: number;
  readonly highest: number;
}

export interface Affine {
  readonly scale: number;
  readonly zero: number;
}

/** `free` scales are any number; `powerOfTwo` ones are 2^-f, so that rescaling is a shift. */
export type Scales = 'free' | 'powerOfTwo';

/** The range is extended to hold 0, which has to be exact: padding and Relu put it everywhere. A range of nothing has scale 1. */
export function affineOf(range: Range, levels: Levels, scales: Scales = 'free'): Affine {
  const lowest = Math.min(0, range.lowest);
  const highest = Math.max(0, range.highest);
  const steps = levels.highest - levels.lowest;
  if (highest - lowest < Number.MIN_VALUE) return { scale: 1, zero: levels.lowest };
  if (scales === 'powerOfTwo' && lowest < 0) return centred(Math.max(-lowest, highest), levels);
  const scale = usable((highest - lowest) / steps, scales);
  const zero = roundEven(levels.lowest - lowest / scale);
  return { scale, zero: Math.min(levels.highest, Math.max(levels.lowest, zero)) };
}

/** Fixed-point values of both signs: zero in the middle, so that it too is a power of two. */
function centred(largest: number, levels: Levels): Affine {
  const zero = Math.ceil((levels.lowest + levels.highest) / 2);
  return { scale: usable(largest / (levels.highest - zero), 'powerOfTwo'), zero };
}

/** For weights: zero is 0. Of float16's 11 bits, so that it can be stored in half its bytes (small-constants.ts). */
export function symmetricScale(largest: number, levels: Levels, scales: Scales = 'free'): number {
  return largest === 0 ? 1 : halfPrecise(usable(largest / levels.highest, scales));
}

/** The next number away from 0 with 11 significant bits. */
export function halfPrecise(value: number): number {
  if (value === 0) return 0;
  const step = 2 ** (Math.floor(Math.log2(Math.abs(value))) - 10);
  return Math.sign(value) * Math.ceil(Math.abs(value) / step) * step;
}

const SMALLEST = 1e-30; // products of two scales must stay above what float32 can hold

/** As float32, in which it is stored. A power of two is the next larger: clipping costs more than coarser steps. */
function usable(scale: number, scales: Scales): number {
  const bounded = Math.max(scale, SMALLEST);
  return Math.fround(scales === 'free' ? bounded : 2 ** Math.ceil(Math.log2(bounded)));
}

export function roundEven(value: number): number {
  const down = Math.floor(value);
  const rest = value - down;
  if (rest !== 0.5) return rest < 0.5 ? down : down + 1;
  return down % 2 === 0 ? down : down + 1;
}

export const quantized = (value: number, { scale, zero }: Affine, { lowest, highest }: Levels): number =>
  Math.min(highest, Math.max(lowest, roundEven(Math.fround(value / scale)) + zero));
