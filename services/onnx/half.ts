// float16 and bfloat16 as bits. Node 20 has no Float16Array; tensors of both types hold Uint16Array.

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** Round to nearest, ties to even, as the hardware does; beyond 65,504 it is infinity. */
export function toHalf(value: number): number {
  float[0] = value;
  const x = bits[0] ?? 0;
  const sign = (x >>> 16) & 0x8000;
  const exponent = (x >>> 23) & 0xff;
  const mantissa = x & 0x7f_ffff;
  if (exponent === 0xff) return sign | 0x7c00 | (mantissa === 0 ? 0 : 0x200);
  const shifted = exponent - 127 + 15;
  if (shifted >= 31) return sign | 0x7c00;
  if (shifted <= 0) {
    if (shifted < -10) return sign;
    return sign | roundShift(mantissa | 0x80_0000, 14 - shifted);
  }
  // A carry out of the mantissa runs into the exponent, which is just what rounding up means.
  return sign | ((shifted << 10) + roundShift(mantissa, 13));
}

export function fromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : NaN;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

/** The upper half of a float32, rounded to nearest, ties to even. */
export function toBfloat16(value: number): number {
  float[0] = value;
  const x = bits[0] ?? 0;
  if (Number.isNaN(value)) return (x >>> 16) | 0x40;
  return (Math.floor(x / 65_536) + carry(x)) & 0xffff;
}

export function fromBfloat16(bfloat: number): number {
  bits[0] = (bfloat & 0xffff) * 65_536;
  return float[0] ?? 0;
}

export function toHalves(values: ArrayLike<number>): Uint16Array {
  // Not Uint16Array.from, which makes a list of all numbers first: half a gigabyte for a weight of 100 MB.
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < halves.length; i++) halves[i] = toHalf(values[i] ?? 0);
  return halves;
}

function roundShift(value: number, by: number): number {
  const kept = value >>> by;
  const dropped = value & ((1 << by) - 1);
  const half = 1 << (by - 1);
  return kept + (dropped > half || (dropped === half && (kept & 1) === 1) ? 1 : 0);
}

function carry(x: number): number {
  const dropped = x & 0xffff;
  return dropped > 0x8000 || (dropped === 0x8000 && ((x >>> 16) & 1) === 1) ? 1 : 0;
}
