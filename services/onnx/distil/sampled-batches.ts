// Requests without answers as batches to learn from: each is one batch, and the teacher says what is right. Distillation asks where nothing is
// labelled, as on traffic that was sampled after a drift.
import { failure } from '../../../contracts/errors.js';
import type { Graph } from '../graph.js';
import type { Samples } from '../quantize/calibrate.js';
import type { Tensors } from '../session.js';
import type { Batches } from '../training/tune.js';

/** Throws DATA_REFUSED where there are none, or where they are not all of one shape: a step of learning has fixed sizes. */
export async function sampledBatches(graph: Graph, samples: (() => Samples) | undefined): Promise<Batches> {
  const all: Tensors[] = [];
  for await (const sample of samples?.() ?? []) all.push(sample);
  const [first] = all;
  if (first === undefined)
    throw failure('DATA_REFUSED', 'It learns, and there are neither labelled data nor samples.');
  const shapes = (sample: Tensors): string =>
    graph.inputs.map(({ name }) => `${name} [${sample[name]?.dims.join(', ')}]`).join();
  const other = all.findIndex((sample) => shapes(sample) !== shapes(first));
  if (other >= 0)
    throw failure(
      'DATA_REFUSED',
      `Sample ${other + 1} is ${shapes(all[other] ?? {})}, the first is ${shapes(first)}: what is learned from has one shape.`,
    );
  const bind = Object.fromEntries(
    graph.inputs.flatMap(({ name }) =>
      (graph.declaredType(name)?.shape ?? []).flatMap((dim, axis): [string, number][] =>
        typeof dim === 'string' && dim !== '' ? [[dim, first[name]?.dims[axis] ?? 1]] : [],
      ),
    ),
  );
  return {
    loss: { kind: 'softTargets' },
    bind,
    count: all.length,
    batch: (step) => all[step] ?? first,
  };
}
