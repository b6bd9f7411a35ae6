// Requests without answers as batches to learn from; the teacher says what is right. Distillation asks where nothing is labelled, as on
// traffic that was sampled after a drift. Callers send a row or two: where rows are a size with a name, they are put together.
import { failure } from '../../../contracts/errors.js';
import type { Graph } from '../graph.js';
import type { Samples } from '../quantize/calibrate.js';
import { joined, rowsOf } from '../rows.js';
import type { Tensors } from '../session.js';
import type { Batches } from '../training/tune.js';

const ROWS_WANTED = 32;

/** Throws DATA_REFUSED where there are none, or where they are not all of one shape: a step of learning has fixed sizes. */
export async function sampledBatches(graph: Graph, samples: (() => Samples) | undefined): Promise<Batches> {
  const given: Tensors[] = [];
  for await (const sample of samples?.() ?? []) given.push(sample);
  const together = rowsHaveAName(graph);
  const shapes = (sample: Tensors): string =>
    graph.inputs
      .map(({ name }) => `${name} [${(sample[name]?.dims ?? []).slice(together ? 1 : 0).join(', ')}]`)
      .join();
  const [model] = given;
  if (model === undefined)
    throw failure('DATA_REFUSED', 'It learns, and there are neither labelled data nor samples.');
  const other = given.findIndex((sample) => shapes(sample) !== shapes(model));
  if (other >= 0)
    throw failure(
      'DATA_REFUSED',
      `Sample ${other + 1} is ${shapes(given[other] ?? {})}, the first is ${shapes(model)}: what is learned from has one shape${together ? ' but for its rows' : ''}.`,
    );
  const all = together ? gathered(given) : given;
  const [first = model] = all;
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

/** The first size of every input, under one name. */
function rowsHaveAName(graph: Graph): boolean {
  const names = new Set(graph.inputs.map(({ name }) => graph.declaredType(name)?.shape?.[0]));
  const [only] = names;
  return names.size === 1 && typeof only === 'string' && only !== '';
}

/** Batches of as many rows, no fewer than the first has; what is left over at the end is less than one of them. */
function gathered(given: readonly Tensors[]): Tensors[] {
  const whole = joined(given);
  const [rows, least] = [rowCount(whole), rowCount(given[0] ?? {})];
  const size = Math.min(Math.max(ROWS_WANTED, least), rows);
  return rowsOf(whole, size).slice(0, Math.floor(rows / size));
}

const rowCount = (tensors: Tensors): number => Object.values(tensors)[0]?.dims[0] ?? 1;
