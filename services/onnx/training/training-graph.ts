// Forward pass, loss, backward pass and optimiser as one ONNX graph of ordinary operators. Parameters and what the
// optimiser remembers come in and go out; learning rate and step number are inputs. TrainingSession runs it, distillation,
// pruning and quantization with feedback ask for it.
import assert from 'node:assert';
import { removeDeadNodes } from '../dead-nodes.js';
import { copyModel } from '../extract.js';
import { writeGradients } from '../gradient/backward.js';
import { lowered } from '../gradient/lowering/lowered.js';
import { modernise } from '../gradient/lowering/modern.js';
import type { Forms } from '../gradient/rule.js';
import type { Writer } from '../gradient/writer.js';
import type { Graph } from '../graph.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { refusal } from '../refusal.js';
import { readTensor, type Tensor } from '../tensor.js';
import { tensorTypeOf, valueInfo } from '../value-info.js';
import { clipped } from './clipping.js';
import { writeLoss, type Loss } from './loss.js';
import { constantsToInitialisers, followBatches, startDropout } from './modes.js';
import { stepper, type Optimiser } from './optimiser.js';
import { checkParameters, findParameters } from './parameters.js';

export interface TrainingOptions {
  readonly loss: Loss;
  /** Names of initialisers that learn; all weights that the loss depends on where absent. */
  readonly parameters?: readonly string[];
  /** Names of weights that stay as they are. */
  readonly frozen?: readonly string[];
  readonly optimiser: Optimiser;
  /** Limit of the length of all gradients together. */
  readonly clipNorm?: number;
  /** For weights of two axes and more; vectors (biases, norms) do not decay. */
  readonly weightDecay?: number;
  /** 0 or 1 per element: where 0, a weight is and stays 0. */
  readonly masks?: ReadonlyMap<string, Tensor>;
  /** Sizes for names, such as `{ batch: 64 }`. Recurrent layers need their length, several steps per run need all. */
  readonly bind?: Readonly<Record<string, number>>;
  /** Whether Dropout drops; on by default. */
  readonly dropout?: boolean;
  /** Whether batch norms that learn use the statistics of the batch; on by default. */
  readonly batchStatistics?: boolean;
  /** Keeps a running average of every weight that learns, of about 1 / (1 - average) steps. */
  readonly average?: number;
  readonly seed?: number;
  readonly forms?: Forms;
}

/** Something that comes in, goes out changed, and is fed back. */
export interface StateSlot {
  readonly input: string;
  readonly output: string;
  readonly initial: Tensor;
  /** The initialiser of the forward graph that it is the value of; absent for what the optimiser remembers. */
  readonly parameter?: string;
  /** The input that this is the running average of. */
  readonly averageOf?: string;
}

export interface TrainingGraph {
  readonly graph: Graph;
  /** The graph that learns, untouched. */
  readonly forward: Graph;
  readonly state: readonly StateSlot[];
  /** Inputs to feed per step: those of the forward graph and the targets. */
  readonly data: readonly string[];
  readonly rate: string;
  readonly step: string;
  readonly loss: string;
  /** How many steps one run makes: data, rates and losses then have a leading axis of this size. */
  readonly stepsPerRun: number;
  /** What a run calls an input or output that callers know by its plain name. */
  readonly prefix: string;
}

/**
 * Throws MODEL_REFUSED where no weight learns or the loss is not one number, UNSUPPORTED naming the node where an operator
 * between weights and loss has no gradient.
 */
export function trainingGraph(forward: Graph, options: TrainingOptions): TrainingGraph {
  const graph = copyModel(forward);
  constantsToInitialisers(graph);
  modernise(graph);
  bindInputs(graph, options.bind ?? {});
  const chosen = chooseParameters(graph, options);
  const isChosen = new Set(chosen);
  if (options.dropout !== false) startDropout(graph, options.seed ?? 1);
  const statistics =
    options.batchStatistics === false ? [] : followBatches(graph, (name) => isChosen.has(name));
  const write = lowered(graph, { bind: options.bind ?? {} });
  const loss = writeLoss(write, options.loss);
  write.refresh();
  const gradients = writeGradients(write, new Map([[loss, write.float(1, loss)]]), chosen, options.forms);
  const parameters = chosen.filter((name) => gradients.has(name));
  if (parameters.length === 0)
    throw refusal('The loss depends on no weight that may learn.', { parameters: chosen });
  const [rate, step] = [scalarInput(graph, 'learning_rate'), scalarInput(graph, 'step')];
  write.refresh();
  const state = [
    ...writeUpdates(write, parameters, gradients, options, { rate, step }),
    ...statistics.map(({ name, next }) => slot(graph, name, next, name)),
  ];
  const lossName = named(graph, loss, 'loss');
  graph.proto.output = [...state.map(({ output }) => output), lossName].map((name) => {
    const initial = state.find(({ output }) => output === name)?.initial;
    return valueInfo(name, initial?.dataType ?? write.dataType(loss), initial?.dims ?? []);
  });
  becomeInputs(graph, state);
  removeDeadNodes(graph);
  const fedBack = new Set([...state.map(({ input }) => input), rate, step]);
  const used = graph.inputs.map(({ name }) => name).filter((name) => !fedBack.has(name));
  const data = used.filter((name) => graph.consumers(name).size > 0);
  graph.proto.input = graph.proto.input.filter(({ name }) => fedBack.has(name) || data.includes(name));
  return { graph, forward, state, data, rate, step, loss: lossName, stepsPerRun: 1, prefix: '' };
}

/** Gives inputs the sizes that their names are bound to. */
export function bindInputs(graph: Graph, bind: Readonly<Record<string, number>>): void {
  graph.proto.input = graph.proto.input.map((input) => {
    const type = tensorTypeOf(input.type);
    if (type?.shape === undefined) return input;
    return valueInfo(
      input.name,
      type.dataType,
      type.shape.map((dim) => (typeof dim === 'string' ? (bind[dim] ?? dim) : dim)),
    );
  });
  // Declared sizes between the nodes would contradict the bound ones.
  graph.proto.valueInfo = [];
}

function chooseParameters(graph: Graph, { parameters, frozen = [] }: TrainingOptions): string[] {
  if (parameters !== undefined) checkParameters(graph, parameters);
  checkParameters(graph, frozen);
  const still = new Set(frozen);
  return (parameters ?? findParameters(graph)).filter((name) => !still.has(name));
}

function scalarInput(graph: Graph, name: string): string {
  const free = graph.inputs.some((input) => input.name === name) || graph.producer(name) !== undefined;
  const chosen = free ? graph.fresh(name) : name;
  graph.proto.input.push(valueInfo(chosen, T.FLOAT, []));
  return chosen;
}

function writeUpdates(
  write: Writer,
  parameters: readonly string[],
  gradients: ReadonlyMap<string, string>,
  options: TrainingOptions,
  pace: { readonly rate: string; readonly step: string },
): StateSlot[] {
  const { graph } = write;
  const { clipNorm, weightDecay = 0, masks } = options;
  const [first = ''] = parameters;
  const raw = parameters.map((name) => {
    const gradient = gradients.get(name) ?? '';
    const mask = masks?.get(name);
    return mask === undefined
      ? gradient
      : write.op('Mul', [gradient, write.floats(mask.dims, numbersOf(mask), name)]);
  });
  const pulls = clipNorm === undefined ? raw : clipped(write, raw, clipNorm, first);
  const advance = stepper(write, options.optimiser, pace);
  const averageOf = averager(write, options.average, pace.step);
  return parameters.flatMap((parameter, i) => {
    const remembered: StateSlot[] = [];
    const remember = (what: string, next: (before: string) => string): string => {
      const input = graph.fresh(`${parameter}/${what}`);
      const output = next(input);
      remembered.push({ input, output, initial: zeros(initialOf(graph, parameter)) });
      return output;
    };
    const decay = write.rank(parameter) > 1 ? weightDecay : 0;
    const moved = advance({ write, parameter, gradient: pulls[i] ?? '', decay, remember });
    const mask = masks?.get(parameter);
    const kept =
      mask === undefined
        ? moved
        : write.op('Mul', [moved, write.floats(mask.dims, numbersOf(mask), parameter)]);
    if (averageOf !== undefined) {
      const input = graph.fresh(`${parameter}/average`);
      const output = averageOf(input, kept);
      remembered.push({ input, output, initial: initialOf(graph, parameter), averageOf: parameter });
    }
    return [slot(graph, parameter, kept, parameter), ...remembered];
  });
}

/** a + (1 - d)(w - a) with d = min(average, step / (step + 9)): the first steps must not count for long (as in tf.train.ExponentialMovingAverage). */
function averager(write: Writer, average: number | undefined, step: string) {
  if (average === undefined || average === 0) return undefined;
  const slow = write.op('Div', [step, write.op('Add', [step, write.float(9, step)])]);
  const keep = write.op('Min', [write.float(average, step), slow]);
  const share = write.op('Sub', [write.float(1, step), keep]);
  return (before: string, now: string): string =>
    write.op('Add', [before, write.op('Mul', [write.op('Sub', [now, before]), share])]);
}

const numbersOf = (mask: Tensor): number[] => Array.from(mask.data, Number);

function initialOf(graph: Graph, name: string): Tensor {
  const proto = graph.initializer(name);
  assert(proto !== undefined, `${name} is no initialiser`);
  return readTensor(proto, graph.external);
}

function slot(graph: Graph, input: string, output: string, parameter: string): StateSlot {
  return { input, output, initial: initialOf(graph, input), parameter };
}

const zeros = (like: Tensor): Tensor => ({
  ...like,
  data: like.dataType === T.DOUBLE ? new Float64Array(like.data.length) : new Float32Array(like.data.length),
});

/** A value under a name that callers can rely on, unless the model has it. */
function named(graph: Graph, value: string, wanted: string): string {
  if (value === wanted) return value;
  const taken = graph.producer(wanted) !== undefined || graph.inputs.some(({ name }) => name === wanted);
  const name = taken ? graph.fresh(wanted) : wanted;
  graph.add('Identity', [value], {}, [name]);
  return name;
}

/** Inputs and nothing else: onnxruntime ignores what is fed for a name that is also an initialiser. */
function becomeInputs(graph: Graph, state: readonly StateSlot[]): void {
  graph.removeConstants(state.map(({ input }) => input));
  for (const { input, initial } of state)
    graph.proto.input.push(valueInfo(input, initial.dataType, initial.dims));
}
