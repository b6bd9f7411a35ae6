// Faults that need no statistics: a broken answer is seen at once, a constant one within a few requests. The watch asks for every answer.
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

export function allFinite(values: ArrayLike<number | bigint>): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(Number(values[i]))) return false;
  return true;
}

/** Chance at which equal answers in a row are taken for a constant. */
const CHANCE = 4e-6;

/** From the share of neighbours among the reference that got equal answers to different inputs; 3 where there was none. */
export function constantAfter(repeats: number, pairs: number): number {
  const share = Math.max(repeats, 1) / Math.max(pairs, 1);
  if (share >= 0.9) return 10_000;
  return Math.max(3, 1 + Math.ceil(Math.log(CHANCE) / Math.log(share)));
}

/** Counts equal answers to different inputs in a row. Digests are the caller's: any two strings that differ when the bytes do. */
export class ConstantOutput {
  private run = 1;
  private last: { input: string; output: string } | undefined;

  constructor(private readonly after: number) {}

  /** True once the output counts as constant. */
  add(input: string, output: string): boolean {
    if (this.last?.output !== output) this.run = 1;
    else if (this.last.input !== input) this.run++;
    this.last = { input, output };
    return this.run >= this.after;
  }
}
