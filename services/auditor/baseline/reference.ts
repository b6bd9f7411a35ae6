// A file of reference requests as the rows of one model: which input, which output, and whether that holds logits or probabilities. Pure
// but for the runs of the session that it is given.
import { failure } from '../../../contracts/errors.js';
import { decodeInferRequest } from '../../../contracts/infer-body.js';
import { REFERENCE_LINES_MAX } from '../../../contracts/baseline-job.js';
import type { VersionRecord } from '../../../contracts/registry.js';

export interface ReferenceInputs {
  readonly input: string;
  /** Of one row. */
  readonly shape: readonly number[];
  readonly rows: readonly Float32Array[];
}

/** Throws DATA_REFUSED with the line that does not fit. */
export function readReference(text: string, { inputs }: Pick<VersionRecord, 'inputs'>): ReferenceInputs {
  const [spec] = inputs;
  if (!spec || inputs.length !== 1 || spec.datatype !== 'FP32')
    throw failure('DATA_REFUSED', 'A baseline is made of versions with one input, of FP32.');
  let shape: readonly number[] | undefined;
  const rows: Float32Array[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '' || rows.length >= REFERENCE_LINES_MAX) continue;
    const found = tensorOf(line, spec.name, inputs, i + 1);
    const [count = 1, ...rest] = found.shape;
    shape ??= rest;
    if (rest.join() !== shape.join())
      throw failure(
        'DATA_REFUSED',
        `Line ${i + 1}: its rows are ${rest.join('x')}, those before ${shape.join('x')}.`,
      );
    const size = found.data.length / Math.max(1, count);
    for (let row = 0; row < count; row++) rows.push(found.data.subarray(row * size, (row + 1) * size));
  }
  return { input: spec.name, shape: shape ?? [], rows };
}

function tensorOf(line: string, name: string, specs: VersionRecord['inputs'], at: number) {
  try {
    const { inputs } = decodeInferRequest(new TextEncoder().encode(line), undefined, specs);
    const tensor = inputs.find((one) => one.name === name);
    if (tensor && tensor.data instanceof Float32Array) return { shape: tensor.shape, data: tensor.data };
  } catch (error) {
    throw failure('DATA_REFUSED', `Line ${at}: ${(error as Error).message}`, {}, error);
  }
  throw failure('DATA_REFUSED', `Line ${at} has no input "${name}" of FP32.`);
}

const SUM_TOLERANCE = 1e-3;

/** Whether each row is a distribution: what is no logit then. */
export const kindOf = (rows: readonly ArrayLike<number>[]): 'logits' | 'probabilities' =>
  rows.every((row) => {
    const values = Array.from(row);
    return (
      values.every((value) => value >= 0) &&
      Math.abs(values.reduce((sum, value) => sum + value, 0) - 1) <= SUM_TOLERANCE
    );
  })
    ? 'probabilities'
    : 'logits';
