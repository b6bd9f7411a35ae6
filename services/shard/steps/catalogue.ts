// Every function that a pipeline may name, and how one is applied: the tensors are held against its declaration first, since a
// plan comes from outside. The engine's stage asks.
import { failure } from '../../../contracts/errors.js';
import type { Processing } from '../../../contracts/pipeline.js';
import {
  fits,
  isStepFunction,
  type Port,
  STEP_FUNCTIONS,
  type StepFunctionName,
} from '../../../contracts/step-functions.js';
import type { Tensor } from '../../../contracts/tensor.js';
import { argMax, topLabel } from './classes.js';
import { cropLines } from './crop-lines.js';
import { ctcText } from './ctc-text.js';
import { imageInput } from './image-input.js';
import { keepRows } from './keep-rows.js';
import { lineInput } from './line-input.js';
import { rotateLines } from './rotate-lines.js';
import type { StepFunction, StepSurroundings } from './step-function.js';
import { textBoxes } from './text-boxes.js';

const FUNCTIONS: { readonly [N in StepFunctionName]: StepFunction<N> } = {
  'image-input': imageInput,
  'text-boxes': textBoxes,
  'crop-lines': cropLines,
  'line-input': lineInput,
  'rotate-lines': rotateLines,
  'ctc-text': ctcText,
  'arg-max': argMax,
  'top-label': topLabel,
  'keep-rows': keepRows,
};

type Environment = Map<string, Tensor>;

/** Adds what the function makes to the tensors that are there. */
export function applyProcessing(one: Processing, tensors: Environment, surroundings: StepSurroundings): void {
  const { use } = one;
  if (!isStepFunction(use)) throw failure('UNSUPPORTED', `There is no function "${use.slice(0, 64)}" here.`);
  const takes: Readonly<Record<string, Port>> = STEP_FUNCTIONS[use].takes;
  const ports: Record<string, Tensor> = {};
  for (const [name, wanted] of Object.entries(takes)) ports[name] = taken(one, name, wanted, tensors);
  const parameters = STEP_FUNCTIONS[use].parameters.safeParse(one.with);
  if (!parameters.success)
    throw failure('BAD_REQUEST', `The parameters of the function "${use}" do not fit.`);
  const results = (FUNCTIONS[use] as StepFunction<StepFunctionName>)(
    ports,
    parameters.data as never,
    surroundings,
  );
  for (const [name, tensor] of Object.entries(one.out)) {
    const result = results[name];
    if (!result) throw failure('BAD_REQUEST', `"${use}" gives no "${name.slice(0, 64)}".`);
    tensors.set(tensor, { ...result, name: tensor });
  }
}

function taken({ use, in: wiring }: Processing, name: string, wanted: Port, tensors: Environment): Tensor {
  const tensor = tensors.get(wiring[name] ?? '');
  if (tensor && fits({ datatype: tensor.datatype, shape: [...tensor.shape] }, wanted)) return tensor;
  const found = tensor ? `is ${tensor.datatype} [${tensor.shape.join(',')}]` : 'is not there';
  throw failure('TENSOR_MISMATCH', `"${name}" of the function "${use}" ${found}.`);
}
