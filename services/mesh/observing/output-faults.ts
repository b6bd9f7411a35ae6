// What is wrong with an answer whatever its values mean: an output missing, of another type or shape, or no number. The engine looks at
// what it answers; benches and tests look at anything.
import type { Fault } from '../../../contracts/detection.js';

export interface ExpectedOutput {
  readonly name: string;
  readonly datatype: string;
  /** A size, or -1 where it varies. */
  readonly shape: readonly number[];
}

export interface SeenTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly values: ArrayLike<number | bigint>;
}

export function outputFaults(expected: readonly ExpectedOutput[], seen: readonly SeenTensor[]): Fault[] {
  const faults = new Set<Fault>();
  for (const { name, datatype, shape } of expected) {
    const tensor = seen.find((one) => one.name === name);
    if (tensor === undefined) faults.add('output-missing');
    else {
      if (tensor.datatype !== datatype) faults.add('wrong-type');
      if (!fits(shape, tensor.shape) || !fillsShape(tensor)) faults.add('wrong-shape');
      if (!allFinite(tensor.values)) faults.add('not-a-number');
    }
  }
  return [...faults];
}

const fits = (expected: readonly number[], shape: readonly number[]): boolean =>
  expected.length === shape.length && expected.every((size, i) => size < 0 || size === shape[i]);

const fillsShape = ({ shape, values }: SeenTensor): boolean =>
  shape.reduce((product, size) => product * size, 1) === values.length;

function allFinite(values: ArrayLike<number | bigint>): boolean {
  // Texts and whole numbers are not looked into.
  for (let i = 0; i < values.length; i++)
    if (values[i] !== undefined && !Number.isFinite(Number(values[i]))) return false;
  return true;
}
