// A step of a pipeline for one request: reads the tensors that came, makes the model's inputs of them, and makes of its outputs what
// goes on to the next step, or home. Steps that have no rows to work on are left out. The replica runs what is between. A plan comes
// in a header, so everything in it is checked or bounded.
import { failure } from '../../../contracts/errors.js';
import {
  type Body,
  checkInputs,
  checkOutputs,
  decodeInferRequest,
  encodeInferRequest,
  encodeInferResponse,
  type InferRequest,
} from '../../../contracts/infer-body.js';
import {
  madeBy,
  type PipelinePlan,
  pipelineSignature,
  type PipelineStep,
  takenBy,
} from '../../../contracts/pipeline.js';
import type { Tensor } from '../../../contracts/tensor.js';
import type { TensorSpec } from '../../../contracts/tensor-spec.js';
import { applyProcessing } from '../steps/catalogue.js';
import type { StepSurroundings } from '../steps/step-function.js';
import { joinRows, noRows, rowOf } from '../../../contracts/tensor-rows.js';
import type { Itinerary } from './itinerary.js';
import { inOrder } from './rows.js';

export type Onward =
  | { readonly kind: 'on'; readonly step: number; readonly body: Body }
  | { readonly kind: 'home'; readonly body: Body };

type Environment = Map<string, Tensor>;

const ROWS_MAX = 1_024;

export class Stage {
  /** The model's inputs, one set a run; none when there is nothing to work on. */
  readonly runs: Tensor[][];
  /** What the request asked for, all the way. */
  readonly request: InferRequest;
  private readonly tensors: Environment;
  private readonly scopes: Environment[];
  private readonly step: PipelineStep;

  constructor(
    readonly itinerary: Itinerary,
    { bytes, jsonLength }: Body,
    specs: readonly TensorSpec[],
    private readonly surroundings: StepSurroundings,
    /** The model's inputs with what is kept here of the request's sequence. */
    private readonly complete: (inputs: Tensor[]) => Tensor[] = (inputs) => inputs,
  ) {
    const { plan, at } = itinerary;
    this.step = plan.steps[at] as PipelineStep;
    const signature = pipelineSignature(plan);
    this.request = decodeInferRequest(bytes, jsonLength, signature.inputs);
    if (at === 0) {
      checkInputs(this.request, signature.inputs);
      checkOutputs(this.request, signature.outputs);
    }
    this.tensors = new Map(this.request.inputs.map((tensor) => [tensor.name, tensor]));
    this.scopes = isEmpty(this.step, this.tensors) ? [] : scopesOf(this.step, this.tensors);
    this.runs = this.scopes.map((scope) => this.inputsIn(scope, specs));
  }

  /** `results`: the model's outputs, one set a run. */
  finish(results: readonly (readonly Tensor[])[]): Onward {
    for (const [i, scope] of this.scopes.entries()) {
      for (const output of results[i] ?? []) {
        const name = this.step.out[output.name];
        if (name !== undefined) scope.set(name, { ...output, name });
      }
      for (const one of this.step.after) applyProcessing(one, scope, this.surroundings);
    }
    const { plan, at } = this.itinerary;
    const needed = neededAfter(plan, at);
    for (const name of madeBy(this.step)) {
      if (!needed.has(name)) continue;
      const parts = this.scopes.flatMap((scope) => scope.get(name) ?? []);
      const [only] = parts;
      if (only && this.step.rows?.run !== 'each') this.tensors.set(name, only);
      else if (only) this.tensors.set(name, joinRows(name, parts));
      else this.tensors.set(name, empty(name, plan));
    }
    return this.onward(at + 1);
  }

  private onward(from: number): Onward {
    const { plan } = this.itinerary;
    for (let step = from; step < plan.steps.length; step++) {
      const next = plan.steps[step] as PipelineStep;
      if (!isEmpty(next, this.tensors)) return { kind: 'on', step, body: this.bodyFor(step) };
      const needed = neededAfter(plan, step);
      for (const name of madeBy(next)) if (needed.has(name)) this.tensors.set(name, empty(name, plan));
    }
    return { kind: 'home', body: this.response() };
  }

  /** Only what later steps need; numbers are copied as they lie. */
  private bodyFor(step: number): Body {
    const needed = neededAfter(this.itinerary.plan, step - 1);
    const inputs = [...this.tensors.values()].filter(({ name }) => needed.has(name));
    return encodeInferRequest({ ...this.request, inputs });
  }

  private response(): Body {
    const { plan } = this.itinerary;
    const { id } = this.request;
    const outputs = plan.outputs.map((name) => {
      const tensor = this.tensors.get(name);
      if (tensor) return tensor;
      throw failure('BAD_REQUEST', `The output "${name}" of ${plan.name} was made by no step.`);
    });
    const response = { modelName: plan.name, modelVersion: String(plan.revision), outputs };
    return encodeInferResponse(id === undefined ? response : { ...response, id }, this.request);
  }

  private inputsIn(scope: Environment, specs: readonly TensorSpec[]): Tensor[] {
    for (const one of this.step.before) applyProcessing(one, scope, this.surroundings);
    const wired = Object.entries(this.step.in).map(([port, name]): Tensor => {
      const tensor = scope.get(name);
      if (tensor) return { ...tensor, name: port };
      throw failure('TENSOR_MISMATCH', `The tensor "${name}" is not there.`);
    });
    const inputs = this.complete(wired);
    checkInputs({ inputs }, specs);
    return inOrder(inputs, specs);
  }
}

/** Says so when the tensors that have rows do not agree on how many. */
function isEmpty({ rows }: PipelineStep, tensors: Environment): boolean {
  if (!rows) return false;
  const counts = rows.of.map((name) => tensors.get(name)?.shape[0] ?? -1);
  const [first = -1] = counts;
  if (first < 0 || counts.some((count) => count !== first))
    throw failure(
      'TENSOR_MISMATCH',
      `The tensors ${rows.of.join(', ')} do not have the same number of rows.`,
    );
  if (first > ROWS_MAX) throw failure('TOO_LARGE', `There are ${first} rows, the limit is ${ROWS_MAX}.`);
  return first === 0;
}

function scopesOf({ rows }: PipelineStep, tensors: Environment): Environment[] {
  if (rows?.run !== 'each') return [new Map(tensors)];
  const count = tensors.get(rows.of[0] ?? '')?.shape[0] ?? 0;
  return Array.from({ length: count }, (_, row) => {
    const scope = new Map(tensors);
    for (const name of rows.of) scope.set(name, rowOf(tensors.get(name) as Tensor, row));
    return scope;
  });
}

function neededAfter({ steps, outputs }: PipelinePlan, at: number): Set<string> {
  return new Set([...outputs, ...steps.slice(at + 1).flatMap(takenBy)]);
}

function empty(name: string, { tensors }: PipelinePlan): Tensor {
  const type = tensors[name];
  if (type) return noRows(name, type);
  throw failure('BAD_REQUEST', `The plan has no type for the tensor "${name}".`);
}
