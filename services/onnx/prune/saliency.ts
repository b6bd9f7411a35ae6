// What a weight is worth, element by element: by its size, by what flows through it, or by what the loss would lose without
// it. Pruning removes the least.
import { Graph } from '../graph.js';
import { floatValues } from '../tensor.js';
import { constantsToInitialisers } from '../training/modes.js';
import { findParameters } from '../training/parameters.js';
import type { Batches } from '../training/tune.js';
import { eachGradient } from '../training/weight-gradients.js';

/** |w|. */
export function magnitudes(model: Uint8Array): Map<string, Float64Array> {
  const graph = Graph.read(model);
  constantsToInitialisers(graph);
  return new Map(
    prunable(graph).map((name) => {
      const tensor = graph.constant(name);
      return [
        name,
        tensor === undefined ? new Float64Array(0) : Float64Array.from(floatValues(tensor), Math.abs),
      ];
    }),
  );
}

/** (g w)^2, mean over the batches: the loss to first order, squared (Molchanov et al., 2019). */
export async function taylor(model: Uint8Array, batches: Batches): Promise<Map<string, Float64Array>> {
  const graph = Graph.read(model);
  constantsToInitialisers(graph);
  const names = prunable(graph);
  const worth = new Map<string, Float64Array>();
  const weights = new Map(
    names.flatMap((name) => {
      const tensor = graph.constant(name);
      return tensor === undefined ? [] : [[name, floatValues(tensor)] as const];
    }),
  );
  await eachGradient(graph, names, batches, (gradients) => {
    for (const [name, gradient] of gradients) {
      const own = weights.get(name);
      const sums = worth.get(name) ?? new Float64Array(gradient.length);
      for (let i = 0; i < gradient.length; i++)
        sums[i] = (sums[i] ?? 0) + ((gradient[i] ?? 0) * (own?.[i] ?? 0)) ** 2 / batches.count;
      worth.set(name, sums);
    }
  });
  return worth;
}

/** Weights of two axes and more: biases and norms are few, and hold more than their size. */
export const prunable = (graph: Graph): string[] =>
  findParameters(graph).filter((name) => (graph.initializer(name)?.dims.length ?? 0) > 1);
