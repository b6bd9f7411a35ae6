// Sets the weights of least worth to 0 and keeps them there while the rest is tuned. Zeros make no run faster; they make what
// is sent from region to region small (transfer.ts), and integers of what is left smaller still.
import { Graph } from '../graph.js';
import { refusal } from '../refusal.js';
import { floatValues, type Tensor } from '../tensor.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { constantsToInitialisers } from '../training/modes.js';
import { tuned, type Batches } from '../training/tune.js';
import { magnitudes } from './saliency.js';

export type Scope =
  /** The same share of every layer. */
  | 'layer'
  /** A share of all weights together; small layers, of which every weight counts, keep more of theirs (lampScores). */
  | 'global';

export interface Sparse {
  readonly model: Uint8Array;
  /** 1 where a weight stays: training under them keeps the zeros. */
  readonly masks: ReadonlyMap<string, Tensor>;
  /** Share of zeros in the weights that may be pruned. */
  readonly zeros: number;
}

/** Throws MODEL_REFUSED for a share outside [0, 1), and for a model without weights. */
export function sparsify(
  model: Uint8Array,
  worth: ReadonlyMap<string, Float64Array>,
  share: number,
  scope: Scope = 'global',
): Sparse {
  if (!(share >= 0 && share < 1))
    throw refusal(`A share of ${share} of the weights cannot be pruned: say one from 0 to below 1.`);
  if (worth.size === 0) throw refusal('This model has no weights of two axes that could be pruned.');
  const graph = Graph.read(model);
  constantsToInitialisers(graph);
  const relative =
    scope === 'layer' ? worth : new Map([...worth].map(([name, values]) => [name, lampScores(values)]));
  const common = scope === 'global' ? thresholdOf([...relative.values()], share) : 0;
  const masks = new Map<string, Tensor>();
  let zeros = 0;
  let all = 0;
  for (const [name, values] of relative) {
    const tensor = graph.constant(name);
    if (tensor === undefined) continue;
    const threshold = scope === 'global' ? common : thresholdOf([values], share);
    const mask = Float32Array.from(values, (value) => (value > threshold ? 1 : 0));
    graph.setConstant(name, {
      ...tensor,
      data: floatValues(tensor).map((value, i) => value * (mask[i] ?? 1)),
    });
    masks.set(name, { dataType: T.FLOAT, dims: tensor.dims, data: mask });
    zeros += mask.reduce((count, one) => count + 1 - one, 0);
    all += mask.length;
  }
  return { model: graph.write(), masks, zeros: zeros / all };
}

/**
 * w^2 over the sum of all w^2 of the layer that are not smaller (LAMP; Lee et al., 2021): the error that a layer makes where it loses this
 * weight and all below it. The largest of every layer has 1, so that no layer goes whole.
 */
function lampScores(values: Float64Array): Float64Array {
  const order = Float64Array.from(values, (_, i) => i).sort(
    (a, b) => (values[b] ?? 0) - (values[a] ?? 0) || a - b,
  );
  const scores = new Float64Array(values.length);
  let notSmaller = 0;
  for (const i of order) {
    const square = (values[i] ?? 0) ** 2;
    notSmaller += square;
    scores[i] = notSmaller === 0 ? 0 : square / notSmaller;
  }
  return scores;
}

/** The worth that the given share of all does not exceed; below all worth for a share of 0. */
function thresholdOf(lists: readonly Float64Array[], share: number): number {
  const all = new Float64Array(lists.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const list of lists) {
    all.set(list, at);
    at += list.length;
  }
  const count = Math.floor(all.length * share);
  return count === 0 ? -Infinity : (all.sort()[count - 1] ?? -Infinity);
}

export interface GradualOptions {
  readonly share: number;
  readonly rounds: number;
  readonly batches: Batches;
  /** Of tuning after each round. */
  readonly steps: number;
  readonly rate: number;
  readonly threads?: number;
}

/** In rounds, s_t = s (1 - (1 - t / n)^3), tuned in between (Zhu and Gupta, 2017): much early, little when little is left. */
export async function sparsifyGradually(model: Uint8Array, options: GradualOptions): Promise<Sparse> {
  const { share, rounds, batches, steps, rate, threads = 1 } = options;
  let now = sparsify(model, magnitudes(model), 0);
  for (let round = 1; round <= rounds; round++) {
    const target = share * (1 - (1 - round / rounds) ** 3);
    const cut = sparsify(now.model, magnitudes(now.model), target);
    now = { ...cut, model: await tuned(cut.model, batches, { steps, rate, masks: cut.masks, threads }) };
  }
  return now;
}
