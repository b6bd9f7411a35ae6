// The gradients of a loss by weights, without a step: what pruning and mixed precision ask before they choose. One graph,
// one run a batch.
import { removeDeadNodes } from '../dead-nodes.js';
import { copyModel } from '../extract.js';
import { writeGradients } from '../gradient/backward.js';
import { lowered } from '../gradient/lowering/lowered.js';
import { modernise } from '../gradient/lowering/modern.js';
import type { Graph } from '../graph.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { refusal } from '../refusal.js';
import { openSession, type Tensors } from '../session.js';
import { floatValues } from '../tensor.js';
import { valueInfo } from '../value-info.js';
import type { Batches } from './tune.js';
import { writeLoss } from './loss.js';
import { constantsToInitialisers } from './modes.js';
import { bindInputs } from './training-graph.js';

/** Calls `see` with the gradients of each weight, batch by batch. Throws MODEL_REFUSED where the loss depends on none. */
export async function eachGradient(
  forward: Graph,
  weights: readonly string[],
  { loss, bind, batch, count }: Batches,
  see: (gradients: ReadonlyMap<string, Float32Array>) => void,
): Promise<void> {
  const graph = copyModel(forward);
  constantsToInitialisers(graph);
  modernise(graph);
  bindInputs(graph, bind);
  const write = lowered(graph, { bind });
  const value = writeLoss(write, loss);
  write.refresh();
  const gradients = writeGradients(write, new Map([[value, write.float(1, value)]]), weights);
  if (gradients.size === 0) throw refusal('The loss depends on none of the weights.', { weights });
  graph.proto.output = [...new Set(gradients.values())].map((name) => valueInfo(name, T.FLOAT));
  removeDeadNodes(graph);
  await using session = await openSession(graph.write(), { external: graph.external });
  const known = new Set(session.inputNames);
  for (let i = 0; i < count; i++) {
    const feeds: Tensors = Object.fromEntries(
      Object.entries(await batch(i)).filter(([name]) => known.has(name)),
    );
    const results = await session.run(feeds);
    const found = [...gradients].flatMap(([weight, name]) => {
      const tensor = results[name];
      return tensor === undefined ? [] : [[weight, floatValues(tensor)] as const];
    });
    see(new Map(found));
  }
}

/** The mean of squared gradients over the batches, element by element: the diagonal of the Fisher information. */
export async function meanSquaredGradients(
  forward: Graph,
  weights: readonly string[],
  batches: Batches,
): Promise<Map<string, Float64Array>> {
  const means = new Map<string, Float64Array>();
  await eachGradient(forward, weights, batches, (gradients) => {
    for (const [name, values] of gradients) {
      const mean = means.get(name) ?? new Float64Array(values.length);
      for (let i = 0; i < values.length; i++)
        mean[i] = (mean[i] ?? 0) + (values[i] ?? 0) ** 2 / batches.count;
      means.set(name, mean);
    }
  });
  return means;
}
