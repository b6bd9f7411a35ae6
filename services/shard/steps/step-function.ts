// What a function before or after the model of a step is: pure, tensors in, tensors out. contracts/step-functions.ts declares them;
// catalogue.ts has them all.
import { failure } from '../../../contracts/errors.js';
import type { StepFunctionName, StepParameters } from '../../../contracts/step-functions.js';
import type { Tensor, TensorData } from '../../../contracts/tensor.js';
import type { Datatype } from '../../../contracts/tensor-spec.js';

/** By the names that the declaration gives them; their types were held against it. */
export type Ports = Readonly<Record<string, Tensor>>;

export interface StepSurroundings {
  /** Of the version that the step ran. */
  readonly labels: readonly string[] | undefined;
}

export type StepFunction<N extends StepFunctionName> = (
  ports: Ports,
  parameters: StepParameters<N>,
  surroundings: StepSurroundings,
) => Record<string, Tensor>;

/** The name is the pipeline's to give. */
export const made = (datatype: Datatype, shape: readonly number[], data: TensorData): Tensor => ({
  name: '',
  datatype,
  shape,
  data,
});

export const port = (ports: Ports, name: string): Tensor => ports[name] as Tensor;
export const floats = (ports: Ports, name: string): Float32Array => port(ports, name).data as Float32Array;
export const bytes = (ports: Ports, name: string): Uint8Array => port(ports, name).data as Uint8Array;

/** Of what one function may make: a hostile picture must not take the engine's memory. */
const ELEMENTS_MAX = 32 * 1024 * 1024;

/** The product of the dimensions; throws TOO_LARGE beyond what one function may make. */
export function room(...shape: number[]): number {
  const elements = shape.reduce((product, size) => product * size, 1);
  if (elements <= ELEMENTS_MAX) return elements;
  throw failure(
    'TOO_LARGE',
    `A tensor of [${shape.join(',')}] would be made; the limit is ${ELEMENTS_MAX} elements.`,
  );
}

export function sameRows(ports: Ports, ...names: string[]): number {
  const rows = port(ports, names[0] ?? '').shape[0] ?? 0;
  const other = names.find((name) => port(ports, name).shape[0] !== rows);
  if (other === undefined) return rows;
  throw failure(
    'TENSOR_MISMATCH',
    `"${names[0]}" has ${rows} rows, "${other}" has ${port(ports, other).shape[0]}; they belong together.`,
  );
}
