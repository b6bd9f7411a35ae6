// The state of a sequence as a version's signed card declares it: which outputs of a step are which inputs of the next, and what
// the first step begins with. Registry and engine hold it against the signature; doors show it in the metadata.
import { z } from 'zod';
import { failure, type Failure } from './errors.js';
import { quote } from './quote.js';
import { ARRAYS, type Tensor } from './tensor.js';
import type { TensorSpec } from './tensor-spec.js';

export const StateTensor = z.object({
  input: z.string().min(1).max(4_096),
  output: z.string().min(1).max(4_096),
  initial: z.literal('zeros').default('zeros'),
  /** What the first step gets, with a size for each variable dimension; without it those are 1. */
  shape: z.array(z.int().min(0)).max(64).optional(),
});
export type StateTensor = z.infer<typeof StateTensor>;

/** A state larger than this belongs into the caller's hands, or into another kind of model. */
export const STATE_BYTES_MAX = 16 * 1024 * 1024;

export interface StatefulSignature {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

/** Throws MODEL_REFUSED for a state that does not fit the model. */
export function checkState(state: readonly StateTensor[], { inputs, outputs }: StatefulSignature): void {
  let bytes = 0;
  for (const [i, { input, output, shape }] of state.entries()) {
    if (state.some((other, j) => j < i && (other.input === input || other.output === output)))
      throw refused(`names ${quote(input)} or ${quote(output)} twice`);
    const into = inputs.find(({ name }) => name === input);
    const from = outputs.find(({ name }) => name === output);
    if (!into) throw refused(`names the input ${quote(input)}, which the model does not have`);
    if (!from) throw refused(`names the output ${quote(output)}, which the model does not have`);
    if (into.datatype !== from.datatype)
      throw refused(`feeds ${quote(output)} (${from.datatype}) to ${quote(input)} (${into.datatype})`);
    if (into.datatype === 'BYTES') throw refused(`keeps ${quote(input)}, which is a text`);
    const first = initialShape({ input, output, initial: 'zeros', shape }, into);
    if (!fits(first, into.shape))
      throw refused(`begins ${quote(input)} as [${first.join(',')}], not as the model has it`);
    if (!fits(first, from.shape))
      throw refused(`begins as [${first.join(',')}], which ${quote(output)} cannot go on`);
    bytes += first.reduce((product, size) => product * size, ARRAYS[into.datatype].BYTES_PER_ELEMENT);
  }
  if (bytes > STATE_BYTES_MAX) throw refused(`has ${bytes} bytes, the limit is ${STATE_BYTES_MAX}`);
  if (state.length === inputs.length) throw refused('takes every input: a step would bring nothing');
}

/** What the first step of a sequence gets, in the order of the declaration. */
export function initialState(state: readonly StateTensor[], { inputs }: StatefulSignature): Tensor[] {
  return state.map((one) => {
    const spec = inputs.find(({ name }) => name === one.input);
    if (!spec) throw refused(`names the input ${quote(one.input)}, which the model does not have`);
    const shape = initialShape(one, spec);
    const count = shape.reduce((product, size) => product * size, 1);
    if (spec.datatype === 'BYTES') throw refused(`keeps ${quote(one.input)}, which is a text`);
    return { name: spec.name, datatype: spec.datatype, shape, data: new ARRAYS[spec.datatype](count) };
  });
}

/** For people who read the metadata: which inputs may stay away inside a sequence. */
export const stateText = (state: readonly StateTensor[]): string =>
  state.map(({ input, output }) => `${input} (from ${output})`).join(', ');

const initialShape = ({ shape }: Pick<StateTensor, 'shape'> & StateTensor, spec: TensorSpec): number[] =>
  shape ?? spec.shape.map((size) => (size === -1 ? 1 : size));

const fits = (shape: readonly number[], declared: readonly number[]): boolean =>
  shape.length === declared.length && declared.every((size, axis) => size === -1 || size === shape[axis]);

const refused = (why: string): Failure => failure('MODEL_REFUSED', `The state in card.json ${why}.`);
