// Integers below a byte, packed as ONNX packs them: the first element in the lowest bits. Weight-only quantization
// writes them, tensor.ts reads them.

export interface NarrowInt {
  readonly bits: 2 | 4;
  readonly signed: boolean;
}

export const UINT4: NarrowInt = { bits: 4, signed: false };
export const INT4: NarrowInt = { bits: 4, signed: true };
export const UINT2: NarrowInt = { bits: 2, signed: false };
export const INT2: NarrowInt = { bits: 2, signed: true };

/** Values must be in range: int4 is -8 to 7, uint4 0 to 15, int2 -2 to 1, uint2 0 to 3. */
export function pack(values: ArrayLike<number>, kind: NarrowInt): Uint8Array {
  const perByte = 8 / kind.bits;
  const mask = (1 << kind.bits) - 1;
  const lowest = kind.signed ? -(1 << (kind.bits - 1)) : 0;
  const packed = new Uint8Array(Math.ceil(values.length / perByte));
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    if (!Number.isInteger(value) || value < lowest || value > lowest + mask) {
      throw new RangeError(`${value} does not fit ${kind.signed ? '' : 'u'}int${kind.bits}`);
    }
    const at = Math.floor(i / perByte);
    packed[at] = (packed[at] ?? 0) | ((value & mask) << ((i % perByte) * kind.bits));
  }
  return packed;
}

export function unpack(packed: Uint8Array, count: number, kind: NarrowInt): Int8Array {
  const perByte = 8 / kind.bits;
  const mask = (1 << kind.bits) - 1;
  const signBit = kind.signed ? 1 << (kind.bits - 1) : 0;
  const values = new Int8Array(count);
  for (let i = 0; i < count; i++) {
    const value = ((packed[Math.floor(i / perByte)] ?? 0) >>> ((i % perByte) * kind.bits)) & mask;
    values[i] = (value ^ signBit) - signBit;
  }
  return values;
}
