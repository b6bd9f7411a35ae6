// What a declared pipeline comes to: every step has its endpoint and functions, every tensor has one maker and a type, and the
// steps stand in an order in which they can run. Pure; pipelines.ts writes the result. A refusal names the step.
import { type Failure, failure, inStep } from '../../contracts/errors.js';
import {
  madeBy,
  PLAN_BYTES_MAX,
  type PipelinePlan,
  type PipelineSpec,
  type PipelineStep,
  type Processing,
  takenBy,
  type TensorType,
} from '../../contracts/pipeline.js';
import {
  fits,
  isStepFunction,
  type Port,
  STEP_FUNCTIONS,
  type StepFunctionSpec,
} from '../../contracts/step-functions.js';
import type { StateTensor } from '../../contracts/sequence-state.js';
import type { TensorSpec } from '../../contracts/tensor-spec.js';

export interface Signature {
  readonly label: string;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** What it keeps of a sequence. */
  readonly state?: readonly StateTensor[] | undefined;
}

/** Of every version that the endpoint gives a share to; undefined when there is no such endpoint. */
export type SignaturesOf = (endpoint: string) => readonly Signature[] | undefined;

export type CheckedPipeline = Omit<PipelinePlan, 'revision'>;

export function checkPipeline(spec: PipelineSpec, signaturesOf: SignaturesOf): CheckedPipeline {
  const { name, inputs, outputs } = spec;
  const tensors = new Map<string, TensorType>();
  for (const { name: input, datatype, shape } of inputs) {
    if (tensors.has(input)) throw refused(`The input "${input}" is declared twice.`);
    tensors.set(input, { datatype, shape });
  }
  const steps = inOrder(spec).map((step) => {
    try {
      return checkStep(step, tensors, signaturesOf);
    } catch (error) {
      throw inStep(error as Failure, step.name);
    }
  });
  const unknown = outputs.find((output) => !tensors.has(output));
  if (unknown !== undefined) throw refused(`The output "${unknown}" is made by no step.`);
  if (spec.microBatch !== undefined) checkRows(spec, steps, tensors);
  const keeping = steps.filter((step) => keepsState(step, signaturesOf(step.endpoint) ?? []));
  if (keeping.length > 0) checkKeeping(spec, keeping);
  const checked = {
    name,
    inputs,
    outputs,
    steps,
    tensors: Object.fromEntries(tensors),
    ...(keeping.length > 0 && { stateful: true }),
    ...(spec.microBatch !== undefined && { microBatch: spec.microBatch }),
  };
  const bytes = JSON.stringify(checked).length;
  // It goes with every request, in a header.
  if (bytes > PLAN_BYTES_MAX)
    throw refused(`The pipeline has ${bytes} bytes as JSON, the limit is ${PLAN_BYTES_MAX}.`);
  return checked;
}

/** What is cut into rows and put together again has rows, from the caller to the answer, and nothing on the way that looks at all of them. */
function checkRows(
  { inputs, outputs }: PipelineSpec,
  steps: readonly PipelineStep[],
  tensors: ReadonlyMap<string, TensorType>,
): void {
  const ends = [...inputs.map(({ name }) => name), ...outputs];
  const rowless = ends.find((name) => tensors.get(name)?.shape[0] !== -1);
  if (rowless !== undefined)
    throw refused(`Micro-batches need rows: the first dimension of "${rowless}" does not vary.`);
  const more = steps.find(
    ({ rows, before, after }) => rows !== undefined || before.length + after.length > 0,
  );
  if (more !== undefined)
    throw inStep(refused('Micro-batches go through steps that are a model alone.'), more.name);
}

/** It gets no tensor for its state, so that is kept where the step runs. */
const keepsState = ({ in: wiring }: PipelineStep, signatures: readonly Signature[]): boolean =>
  signatures.some(({ state }) => state?.some(({ input }) => wiring[input] === undefined));

function checkKeeping({ microBatch }: PipelineSpec, keeping: readonly PipelineStep[]): void {
  for (const [i, step] of keeping.entries()) {
    if (step.rows !== undefined || microBatch !== undefined)
      throw inStep(
        refused('It keeps the state of a sequence, whose steps are not cut into rows.'),
        step.name,
      );
    if (keeping.slice(0, i).some(({ endpoint }) => endpoint === step.endpoint))
      throw inStep(
        refused(`The endpoint "${step.endpoint}" would keep two states of one sequence.`),
        step.name,
      );
  }
}

/** Those first whose tensors are there, otherwise as declared; what is left over then waits for itself or for nobody. */
function inOrder({ inputs, steps }: PipelineSpec): PipelineStep[] {
  const names = new Set<string>();
  const makers = new Map<string, string>();
  for (const step of steps) {
    if (names.has(step.name)) throw refused(`There are two steps "${step.name}".`);
    names.add(step.name);
    for (const made of madeBy(step)) {
      const other = inputs.some((input) => input.name === made) ? 'an input' : makers.get(made);
      if (other !== undefined)
        throw inStep(refused(`It makes the tensor "${made}", which is ${other} already.`), step.name);
      makers.set(made, `made by "${step.name}"`);
    }
  }
  const there = new Set(inputs.map((input) => input.name));
  const ordered: PipelineStep[] = [];
  const left = [...steps];
  while (left.length > 0) {
    const at = left.findIndex((step) => missing(step, there) === undefined);
    if (at < 0) throw stuck(left, there, makers);
    for (const step of left.splice(at, 1)) {
      ordered.push(step);
      for (const made of madeBy(step)) there.add(made);
    }
  }
  return ordered;
}

function stuck(
  left: readonly PipelineStep[],
  there: ReadonlySet<string>,
  makers: ReadonlyMap<string, string>,
): Failure {
  for (const step of left) {
    const lacking = missing(step, there) ?? '';
    if (!makers.has(lacking))
      return inStep(refused(`It takes the tensor "${lacking}", which nobody makes.`), step.name);
  }
  const names = left.map(({ name }) => `"${name}"`).join(', ');
  return inStep(refused(`Steps wait for each other's tensors: ${names}.`), left[0]?.name ?? '');
}

/** A tensor that the step takes, that is not there and that it does not make itself. */
function missing(step: PipelineStep, there: ReadonlySet<string>): string | undefined {
  const own = new Set(madeBy(step));
  return takenBy(step).find((name) => !there.has(name) && !own.has(name));
}

/** Adds what the step makes to `tensors`. */
function checkStep(
  step: PipelineStep,
  tensors: Map<string, TensorType>,
  signaturesOf: SignaturesOf,
): PipelineStep {
  const signatures = signaturesOf(step.endpoint);
  if (!signatures) throw refused(`There is no endpoint "${step.endpoint}": deploy it first.`);
  const scope = new Map(tensors);
  for (const name of step.rows?.of ?? []) sliceRows(name, step, scope);
  const before = step.before.map((one) => checkProcessing(one, scope));
  for (const signature of signatures) checkModel(step, signature, scope);
  for (const [port, name] of Object.entries(step.out)) {
    const output = signatures[0]?.outputs.find((candidate) => candidate.name === port);
    if (output) add(name, { datatype: output.datatype, shape: output.shape }, scope);
  }
  const after = step.after.map((one) => checkProcessing(one, scope));
  for (const name of madeBy(step)) tensors.set(name, joined(scope.get(name) as TensorType, step));
  return { ...step, before, after };
}

function sliceRows(name: string, { rows }: PipelineStep, scope: Map<string, TensorType>): void {
  const type = scope.get(name) as TensorType;
  if (type.shape.length === 0) throw refused(`The tensor "${name}" has no rows.`);
  if (rows?.run === 'each') scope.set(name, { ...type, shape: [1, ...type.shape.slice(1)] });
}

/** Rows that ran by themselves are put together again; how many there are is seen when a request comes. */
function joined(type: TensorType, { rows }: PipelineStep): TensorType {
  return rows?.run === 'each' && type.shape.length > 0
    ? { ...type, shape: [-1, ...type.shape.slice(1)] }
    : type;
}

function checkProcessing(one: Processing, scope: Map<string, TensorType>): Processing {
  const { use } = one;
  if (!isStepFunction(use)) throw refused(`There is no function "${use}"; there are ${KNOWN}.`);
  const spec: StepFunctionSpec = STEP_FUNCTIONS[use] as StepFunctionSpec;
  const parameters = spec.parameters.safeParse(one.with);
  if (!parameters.success) {
    const [issue] = parameters.error.issues;
    throw refused(`The parameters of "${use}" do not fit: ${issue?.path.join('.')} ${issue?.message}.`);
  }
  const types: Record<string, TensorType> = {};
  for (const [port, wanted] of Object.entries(spec.takes)) {
    const name = one.in[port];
    if (name === undefined) throw refused(`"${use}" needs "${port}".`);
    types[port] = taken(name, wanted, `"${port}" of "${use}"`, scope);
  }
  onlyKnown(one.in, Object.keys(spec.takes), `"${use}" takes`);
  const given = spec.gives(parameters.data, types);
  onlyKnown(one.out, Object.keys(given), `"${use}" gives`);
  for (const [port, name] of Object.entries(one.out)) add(name, given[port] as TensorType, scope);
  return { ...one, with: parameters.data as Record<string, unknown> };
}

function checkModel(step: PipelineStep, signature: Signature, scope: ReadonlyMap<string, TensorType>): void {
  const model = `${step.endpoint} ${signature.label}`;
  const kept = new Set(signature.state?.map(({ input }) => input));
  const some = [...kept].some((port) => step.in[port] !== undefined);
  for (const { name: port, datatype, shape } of signature.inputs) {
    const name = step.in[port];
    // All of its state comes with the request, or none of it.
    if (name === undefined && kept.has(port) && !some) continue;
    if (name === undefined) throw refused(`The input "${port}" of ${model} gets no tensor.`);
    taken(name, { datatype, shape }, `the input "${port}" of ${model}`, scope);
  }
  const names = (specs: readonly TensorSpec[]) => specs.map(({ name }) => name);
  onlyKnown(step.in, names(signature.inputs), `${model} takes`);
  onlyKnown(step.out, names(signature.outputs), `${model} gives`);
}

function taken(name: string, wanted: Port, by: string, scope: ReadonlyMap<string, TensorType>): TensorType {
  const type = scope.get(name);
  if (!type) throw refused(`The tensor "${name}" for ${by} is made later in the step.`);
  if (fits(type, wanted)) return type;
  throw refused(`The tensor "${name}" is ${show(type)}; ${by} takes ${show(wanted)}.`);
}

function onlyKnown(wiring: Readonly<Record<string, string>>, known: readonly string[], what: string): void {
  const stranger = Object.keys(wiring).find((port) => !known.includes(port));
  if (stranger !== undefined)
    throw refused(`${what} ${known.map((name) => `"${name}"`).join(', ')}, not "${stranger}".`);
}

function add(name: string, type: TensorType, scope: Map<string, TensorType>): void {
  scope.set(name, { datatype: type.datatype, shape: [...type.shape] });
}

const show = ({ datatype, shape }: Port): string =>
  `${datatype ?? 'any type'} ${shape === undefined ? '' : `[${shape.join(',')}]`}`.trim();

const KNOWN = Object.keys(STEP_FUNCTIONS).join(', ');

const refused = (message: string): Failure => failure('PIPELINE_REFUSED', message);
