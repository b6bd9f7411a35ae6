// Whether two answers of a model are the same within a tolerance; the self-test and the check of joint runs ask. Says what
// differs, in words for a log.
import type { Tensor } from '../../../contracts/tensor.js';

/** Undefined when they agree. The tolerance is absolute below one and relative above. */
export function difference(
  actual: readonly Tensor[],
  expected: readonly Tensor[],
  tolerance: number,
): string | undefined {
  for (const want of expected) {
    const got = actual.find(({ name }) => name === want.name);
    const problem = got === undefined ? 'is missing' : tensorDifference(got, want, tolerance);
    if (problem !== undefined) return `output "${want.name}" ${problem}`;
  }
  return undefined;
}

function tensorDifference(got: Tensor, want: Tensor, tolerance: number): string | undefined {
  if (got.datatype !== want.datatype) return `is ${got.datatype}, not ${want.datatype}`;
  if (got.shape.join() !== want.shape.join())
    return `has the shape [${got.shape.join(',')}], not [${want.shape.join(',')}]`;
  for (let i = 0; i < want.data.length; i++) {
    const [a, b] = [got.data[i], want.data[i]];
    if (!near(plain(a, got), plain(b, want), tolerance))
      return `differs at ${i}: ${String(plain(a, got))}, not ${String(plain(b, want))}`;
  }
  return undefined;
}

type Plain = number | bigint | string | undefined;

function plain(value: unknown, { datatype }: Tensor): Plain {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (datatype === 'FP16' && typeof value === 'number') return halfToNumber(value);
  return value as Plain;
}

function near(a: Plain, b: Plain, tolerance: number): boolean {
  if (typeof a !== 'number' || typeof b !== 'number') return a === b;
  if (Object.is(a, b) || a === b) return true;
  return Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(b));
}

/** IEEE 754 binary16; Node 20 has no array for it. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
