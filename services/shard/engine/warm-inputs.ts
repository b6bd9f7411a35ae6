// Invents inputs for warm-up runs from what a model declares: sizes from the card, else from a ladder of guesses, small random
// numbers, and zeros and ones where a number may be an index. A model that needs real values brings a selftest.json.
import { ARRAYS, type Tensor, type TensorData } from '../../../contracts/tensor.js';
import type { TensorSpec } from '../../../contracts/tensor-spec.js';
import type { Random } from '../../mesh/random.js';

/** Tried in turn for variable dimensions that the card does not name, until a run succeeds. */
export const DIM_GUESSES = [1, 8, 32, 64, 224] as const;

export function warmInputs(
  specs: readonly TensorSpec[],
  warmDims: Readonly<Record<string, number>>,
  guess: number,
  random: Random,
): Tensor[] {
  return specs.map((spec) => {
    const shape = spec.shape.map((size, axis) => {
      if (size !== -1) return size;
      // A first dimension is a batch nearly always, and a warm-up is of one request.
      return warmDims[spec.dims[axis] ?? ''] ?? warmDims[`${spec.name}:${axis}`] ?? (axis === 0 ? 1 : guess);
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
