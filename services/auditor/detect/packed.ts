// Matrices of a baseline as text and back: little-endian float32 in base64, whatever the machine.
import { Buffer } from 'node:buffer';
import type { PackedFeatures } from '../../../contracts/detection.js';
import { failure } from '../../../contracts/errors.js';
import type { ClassDistances } from './class-distances.js';
import type { Bank } from './nearest.js';

export interface FittedFeatures {
  readonly classes: ClassDistances;
  readonly bank: Bank;
}

export function packFeatures({ classes, bank }: FittedFeatures): PackedFeatures {
  return {
    width: bank.width,
    means: classes.means.map(packFloats),
    within: packFloats(classes.within.factor),
    overall: { mean: packFloats(classes.mean), factor: packFloats(classes.overall.factor) },
    bank: packFloats(bank.rows),
  };
}

/** Throws BAD_REQUEST where a matrix has not the size that the width says. */
export function unpackFeatures({ width, means, within, overall, bank }: PackedFeatures): FittedFeatures {
  const factor = (text: string) => ({ width, factor: unpackFloats(text, width * width) });
  return {
    classes: {
      means: means.map((text) => (text === '' ? new Float32Array(0) : unpackFloats(text, width))),
      within: factor(within),
      mean: unpackFloats(overall.mean, width),
      overall: factor(overall.factor),
    },
    bank: { width, rows: unpackFloats(bank) },
  };
}

export function packFloats(values: Float32Array): string {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, i) => bytes.writeFloatLE(value, i * 4));
  return bytes.toString('base64');
}

/** `count`: how many there have to be. */
export function unpackFloats(text: string, count?: number): Float32Array {
  const bytes = Buffer.from(text, 'base64');
  const found = bytes.length / 4;
  if (!Number.isInteger(found) || (count !== undefined && found !== count))
    throw failure(
      'BAD_REQUEST',
      `A matrix of the baseline has ${found} numbers, expected ${count ?? 'whole ones'}: make the baseline again.`,
    );
  return Float32Array.from({ length: found }, (_, i) => bytes.readFloatLE(i * 4));
}
