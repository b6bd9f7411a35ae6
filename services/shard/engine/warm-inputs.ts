// Invents inputs for warm-up runs from what a model declares: sizes from the card, else from a ladder of guesses, small random
// numbers, and zeros and ones where a number may be an index. A model that needs real values brings a selftest.json.
import { ARRAYS, type Tensor, type TensorData } from '../../../contracts/tensor.js';
import type { TensorSpec } from '../../../contracts/tensor-spec.js';
import type { Random } from '../../mesh/random.js';

/** For variable dimensions that the card does not name. */
export interface DimGuess {
  /** The last axis: a length, a width, a count of samples. */
  readonly last: number;
  /** Those before it, but for the first, which is a batch nearly always, and a warm-up is of one request. */
  readonly inner: number;
}

const SIZES = [1, 8, 32, 64, 224, 512] as const;

/** Tried in turn until a run succeeds. Inner axes are ones more often than not: layers of a state, heights of a line. */
export const DIM_GUESSES: readonly DimGuess[] = [
  ...SIZES.map((last) => ({ last, inner: 1 })),
  ...SIZES.slice(1).map((size) => ({ last: size, inner: size })),
];

export function warmInputs(
  specs: readonly TensorSpec[],
  warmDims: Readonly<Record<string, number>>,
  guess: DimGuess,
  random: Random,
): Tensor[] {
  return specs.map((spec) => {
    const shape = spec.shape.map((size, axis) => {
      if (size !== -1) return size;
      const named = warmDims[spec.dims[axis] ?? ''] ?? warmDims[`${spec.name}:${axis}`];
      return named ?? (axis === 0 ? 1 : axis === spec.shape.length - 1 ? guess.last : guess.inner);
    });
    const count = shape.reduce((product, size) => product * size, 1);
    return { name: spec.name, datatype: spec.datatype, shape, data: values(spec, count, random) };
  });
}

function values({ datatype }: TensorSpec, count: number, random: Random): TensorData {
  if (datatype === 'BYTES') return Array<string>(count).fill('massif');
  const next = VALUES[datatype] ?? ((draw: Random) => (draw() < 0.5 ? 0 : 1));
  // Each array takes the kind of number that its datatype's entry gives.
  return (new ARRAYS[datatype](count) as Float32Array).map(() => next(random) as number);
}

const zeroOrOne = (random: Random): bigint => (random() < 0.5 ? 0n : 1n);

const VALUES: Partial<Record<TensorSpec['datatype'], (random: Random) => number | bigint>> = {
  FP32: (random) => random(),
  FP64: (random) => random(),
  // Halves between 1 and 2: the exponent of one, ten random bits.
  FP16: (random) => 0x3c00 | Math.floor(random() * 1024),
  INT64: zeroOrOne,
  UINT64: zeroOrOne,
};
