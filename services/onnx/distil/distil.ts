// Distillation: a small network learns what a large one says. From its outputs alone (black-box: the teacher may stand behind an
// endpoint), from its inner values as well (hints), or with noise on what the student sees while the teacher sees the clean
// input (jitter), so that the student bears noise; of another task (classes), where some of its classes mean some of the student's.
import { failure } from '../../../contracts/errors.js';
import { copyModel } from '../extract.js';
import { Graph } from '../graph.js';
import { refusal } from '../refusal.js';
import { seeded } from '../seeded.js';
import type { Tensors } from '../session.js';
import { float32, floatValues, type Tensor } from '../tensor.js';
import type { Loss } from '../training/loss.js';
import { findParameters } from '../training/parameters.js';
import { tuned, type Batches } from '../training/tune.js';
import { translated } from './class-map.js';
import { withRegressors, type Hint } from './hints.js';

/** Answers with probabilities, one row an example, under its output's name; with hints their values as well. */
export type Teacher = (inputs: Tensors) => Promise<Tensors>;

export interface DistilOptions {
  readonly teacher: Teacher;
  /** Name of the teacher's probabilities; its first output where absent. */
  readonly output?: string;
  /** For each class of the teacher the student's, or null: a teacher of another task. */
  readonly classes?: readonly (number | null)[];
  /** Of the student; checked where it is said. */
  readonly classCount?: number;
  /** Without `labels` in a batch, `share` has to be 1. Their loss is not used. */
  readonly batches: Batches;
  readonly steps: number;
  readonly rate: number;
  /** Softens what both say; 4 where absent. */
  readonly temperature?: number;
  /** Of the teacher in the loss, the rest is the labels'; 0.9 where absent. */
  readonly share?: number;
  /** Noise on the student's float inputs, in deviations of each input over the batch. */
  readonly jitter?: number;
  /** Inner values of the student and what they should say of the teacher's. */
  readonly hints?: readonly Hint[];
  readonly threads?: number;
  readonly seed?: number;
}

/**
 * a T^2 KL(softmax(z_t / T) || softmax(z_s / T)) + (1 - a) cross-entropy (Hinton, Vinyals, Dean, 2015), with z_t = log p where
 * only probabilities are to be had, plus the squares between hints (Romero et al., FitNets, 2015). Returns the student. Throws
 * DATA_REFUSED where the teacher's rows are no probabilities, MODEL_REFUSED where classes or hints do not fit.
 */
export async function distilled(student: Uint8Array, options: DistilOptions): Promise<Uint8Array> {
  const { batches, share = 0.9, temperature = 4, hints = [], seed = 1 } = options;
  const plain = Graph.read(student);
  const { graph, losses } = withRegressors(copyModel(plain), hints, seed);
  const soft: Loss = { kind: 'softTargets', temperature, targets: TARGETS };
  const parts = [
    { weight: share, loss: soft },
    ...(share < 1 ? [{ weight: 1 - share, loss: { kind: 'crossEntropy' } as const }] : []),
    ...losses,
  ];
  const known = new Map<number, Tensors>();
  let drawn = 0;
  const batch = async (step: number): Promise<Tensors> => {
    const given = await batches.batch(step);
    const inputs = inputsOf(plain, given);
    const said = known.get(step) ?? (await targetsOf(inputs, given, options, temperature));
    // Inner values are large, and whoever shows them is at hand: they are asked for again.
    if (hints.length === 0) known.set(step, said);
    return { ...given, ...jittered(inputs, options.jitter ?? 0, seed * 100_003 + drawn++), ...said };
  };
  const learned = Graph.read(
    await tuned(graph.write(), { ...batches, loss: { kind: 'sum', parts }, batch }, options),
  );
  for (const name of findParameters(plain)) {
    const value = learned.constant(name);
    if (value !== undefined) plain.setConstant(name, value);
  }
  return plain.write();
}

const TARGETS = 'massif.targets';

const inputsOf = (student: Graph, given: Tensors): Tensors =>
  Object.fromEntries(
    student.inputs.flatMap(({ name }) => (given[name] === undefined ? [] : [[name, given[name]]])),
  );

async function targetsOf(
  inputs: Tensors,
  { labels }: Tensors,
  options: DistilOptions,
  temperature: number,
): Promise<Tensors> {
  const said = await options.teacher(inputs);
  const { output = Object.keys(said)[0] ?? '', classes, classCount = 0 } = options;
  const own = said[output];
  if (own === undefined) throw refusal(`The teacher has no output "${output}".`);
  const probabilities = classes === undefined ? own : translated(own, classes, classCount, labels);
  const hints = (options.hints ?? []).map(({ teacher }): [string, Tensor] => {
    const value = said[teacher];
    if (value === undefined) throw refusal(`The teacher does not say "${teacher}", which is a hint.`);
    return [`massif.hint.${teacher}`, value];
  });
  if (classCount > 0 && probabilities.dims.at(-1) !== classCount)
    throw refusal(
      `The teacher tells ${probabilities.dims.at(-1)} classes, the student ${classCount}: say which is which with "classes".`,
    );
  return { [TARGETS]: softened(probabilities, temperature), ...Object.fromEntries(hints) };
}

const LEAST = 1e-8; // log 0
const ROUNDING = 1e-3;

/** softmax(log(p) / T), row by row. */
function softened(probabilities: Tensor, temperature: number): Tensor {
  const classes = probabilities.dims.at(-1) ?? 1;
  const values = floatValues(probabilities);
  const soft = new Float32Array(values.length);
  for (let from = 0; from < values.length; from += classes) {
    const row = values.subarray(from, from + classes);
    const sum = row.reduce((a, b) => a + b, 0);
    if (!(Math.abs(sum - 1) < ROUNDING) || row.some((value) => value < 0))
      throw failure(
        'DATA_REFUSED',
        `Row ${from / classes + 1} of the teacher's answer adds up to ${sum}, so these are no probabilities: name the output behind its Softmax.`,
      );
    const powers = row.map((value) => Math.max(value, LEAST) ** (1 / temperature));
    const total = powers.reduce((a, b) => a + b, 0);
    soft.set(
      powers.map((value) => value / total),
      from,
    );
  }
  return float32(probabilities.dims, soft);
}

function jittered(inputs: Tensors, deviation: number, seed: number): Tensors {
  if (deviation === 0) return inputs;
  const random = seeded(seed);
  const noise = (data: Float32Array): Float32Array => {
    const reach = deviation * deviationOf(data);
    return data.map((value) => value + reach * random.normal());
  };
  return Object.fromEntries(
    Object.entries(inputs).map(([name, tensor]) => {
      if (!(tensor.data instanceof Float32Array)) return [name, tensor];
      return [name, float32(tensor.dims, noise(tensor.data))];
    }),
  );
}

function deviationOf(data: Float32Array): number {
  const mean = data.reduce((a, b) => a + b, 0) / data.length;
  return Math.sqrt(data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length);
}
