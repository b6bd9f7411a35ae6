// How much the loss rises when a layer is rounded to few bits, from gradients alone: half the sum of F (w - q(w))^2, with F the
// mean of squared gradients (Fisher; as in Dong et al., HAWQ, 2019, with the diagonal in place of the trace).
import { Graph } from '../graph.js';
import { floatValues } from '../tensor.js';
import type { Batches } from '../training/tune.js';
import { meanSquaredGradients } from '../training/weight-gradients.js';
import { weightLayers } from './layers.js';
import { integerWeights, realWeights } from './weights.js';

export interface Sensitivity {
  readonly weight: string;
  readonly elements: number;
  /** What the loss is expected to rise by. */
  readonly rise: number;
}

/** One entry a layer of the prepared model. */
export async function sensitivities(
  prepared: Uint8Array,
  batches: Batches,
  bits: number,
): Promise<Sensitivity[]> {
  const graph = Graph.read(prepared);
  const layers = weightLayers(graph).found;
  const squares = await meanSquaredGradients(
    graph,
    layers.map(({ weight }) => weight),
    batches,
  );
  return layers.flatMap(({ weight, axis }) => {
    const tensor = graph.constant(weight);
    const fisher = squares.get(weight);
    if (tensor === undefined || fisher === undefined) return [];
    const before = floatValues(tensor);
    const after = floatValues(realWeights(integerWeights(tensor, { axis, bits }), axis));
    const rise =
      before.reduce((sum, value, i) => sum + (fisher[i] ?? 0) * (value - (after[i] ?? 0)) ** 2, 0) / 2;
    return [{ weight, elements: before.length, rise }];
  });
}
