// A request held against what its model declares. The message names what was expected, for whoever has to correct the call.
import { failure } from './errors.js';
import { quote } from './quote.js';
import type { Tensor } from './tensor.js';
import type { TensorSpec } from './tensor-spec.js';

/** Every input of the model once, none besides, each with its datatype, rank and fixed dimensions. */
export function checkInputs({ inputs }: { inputs: readonly Tensor[] }, specs: readonly TensorSpec[]): void {
  for (const { name, datatype, shape } of inputs) {
    const spec = specs.find((candidate) => candidate.name === name);
    if (!spec) throw mismatch(`There is no input ${quote(name)}.`, specs);
    if (datatype !== spec.datatype) throw mismatch(`Input ${quote(name)} is ${datatype}.`, [spec]);
    if (
      shape.length !== spec.shape.length ||
      spec.shape.some((fixed, i) => fixed !== -1 && fixed !== shape[i])
    ) {
      throw mismatch(`Input ${quote(name)} has the shape [${shape.join(',')}].`, [spec]);
    }
  }
  if (inputs.length === specs.length) return; // names are known and none comes twice
  const missing = specs.find((spec) => !inputs.some(({ name }) => name === spec.name));
  if (missing) throw mismatch(`Input ${quote(missing.name)} is missing.`, specs);
}

export function checkOutputs(
  { outputs }: { outputs?: readonly { name: string }[] },
  specs: readonly TensorSpec[],
): void {
  for (const { name } of outputs ?? []) {
    if (!specs.some((spec) => spec.name === name))
      throw mismatch(`There is no output ${quote(name)}.`, specs);
  }
}

const SPECS_SHOWN = 16;
function mismatch(message: string, specs: readonly TensorSpec[]) {
  const expected = specs
    .slice(0, SPECS_SHOWN)
    .map(({ name, datatype, shape }) => `${quote(name)} ${datatype} [${shape.join(',')}]`);
  return failure('TENSOR_MISMATCH', `${message} Expected: ${expected.join(', ') || 'nothing'}.`);
}
