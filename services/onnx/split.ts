// Cuts a model into stages that run one after the other, each with only the constants it needs. Without optimisation the
// stages together answer as the whole does, to the last bit.
import { extract } from './extract.js';
import { liveValues } from './cut-points.js';
import type { Graph } from './graph.js';
import { inferShapes } from './shape.js';
import { clip, refusal } from './refusal.js';
import type { TensorType } from './value-info.js';

export interface SplitOptions {
  /** Types of the values that are cut, where shapes were inferred already. */
  readonly types?: ReadonlyMap<string, TensorType>;
}

/** Cuts at values, in any order: one stage more than cuts. Throws MODEL_REFUSED where a value is no cut point. */
export function split(graph: Graph, values: readonly string[], options: SplitOptions = {}): Graph[] {
  const { order, live } = liveValues(graph);
  const places = values.map((value) => {
    const position = order.findIndex((node) => node.output.includes(value)) + 1;
    const crossing = live[position];
    if (position === 0 || position === order.length || crossing === undefined) {
      throw refusal(`"${clip(value)}" is not made inside the graph: choose a cut point.`, { tensor: value });
    }
    if (crossing.length !== 1 || crossing[0] !== value) {
      const others = crossing.filter((name) => name !== value).slice(0, 3);
      throw refusal(
        `A cut at "${clip(value)}" would also cut "${clip(others.join('", "'))}": choose a cut point.`,
        { tensor: value },
      );
    }
    return position;
  });
  return splitAt(graph, places, options);
}

/**
 * Cuts at positions of `liveValues(graph).order`, where any number of values may cross. A stage takes what it needs of
 * all that was fed or made before, by whichever stage, and gives what any later one or the caller needs.
 */
export function splitAt(graph: Graph, positions: readonly number[], options: SplitOptions = {}): Graph[] {
  const { order, live } = liveValues(graph);
  const sorted = [...new Set(positions)].sort((a, b) => a - b);
  if (sorted.some((position) => position <= 0 || position >= order.length)) {
    throw refusal(`A stage would be empty: positions go from 1 to ${order.length - 1}.`);
  }
  const edges = [graph.inputs.map((input) => input.name), ...sorted.map((at) => live[at] ?? [])];
  const finals = graph.outputs.map((output) => output.name);
  const types = options.types ?? inferShapes(graph);
  return edges.map((inputs, stage) => {
    const madeHere = new Set(
      order.slice(sorted[stage - 1] ?? 0, sorted[stage] ?? order.length).flatMap((node) => node.output),
    );
    // What a later stage or the caller needs leaves the stage that makes it; nothing is passed through.
    const later = new Set([...finals, ...edges.slice(stage + 1).flat()]);
    const own = [...later].filter((name) => madeHere.has(name));
    return extract(graph, inputs, own, { types, name: `${graph.proto.name}/${stage + 1}` });
  });
}
