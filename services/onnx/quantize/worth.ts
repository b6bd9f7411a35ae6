// Which layers are worth integers: kernels of small windows are no faster in int8, and every border between integer and float
// costs a pass over the values. Costs are counted, not timed, so that the same model gives the same bytes everywhere.
import type { Graph } from '../graph.js';
import { layerNs } from '../layer-cost.js';
import type { WeightLayer } from './layers.js';
import { planned, type Plan } from './plan.js';

/** A value that is converted, and each node that converts. */
const CONVERSION_NS = 0.13;
const CONVERTING_NODE_NS = 1_500;
const LONE_POOL_NS = 3;

/** `elements` says how many values each value of the graph has in a run. Throws nothing: no layer may be worth it. */
export function worthwhile(
  graph: Graph,
  layers: readonly WeightLayer[],
  elements: ReadonlyMap<string, number>,
): Plan {
  let chosen = [...layers];
  let plan = planned(graph, chosen);
  let cost = costOf(graph, plan, layers, elements);
  for (let improved = true; improved;) {
    improved = false;
    for (const gone of removals(chosen)) {
      const others = chosen.filter((one) => !gone.has(one));
      if (others.length === 0 || others.length === chosen.length) continue;
      const without = planned(graph, others);
      const less = costOf(graph, without, layers, elements);
      if (less >= cost) continue;
      [chosen, plan, cost, improved] = [others, without, less, true];
    }
  }
  return plan;
}

/** Each layer, and all up to each: where the first alone would leave a border that costs more, the first few may be worth it. */
const removals = (chosen: readonly WeightLayer[]): Set<WeightLayer>[] => [
  ...chosen.map((layer) => new Set([layer])),
  ...chosen.map((_, i) => new Set(chosen.slice(0, i + 1))),
];

function costOf(
  graph: Graph,
  plan: Plan,
  layers: readonly WeightLayer[],
  elements: ReadonlyMap<string, number>,
): number {
  const integer = new Set(plan.layers.map(({ node }) => node));
  const sizeOf = (value: string): number => elements.get(value) ?? 0;
  let cost = 0;
  for (const { node, weight, axis, output } of layers) {
    const dims = graph.initializer(weight)?.dims.map(Number) ?? [];
    cost += layerNs({ node, dims, axis, outputs: sizeOf(output) }, integer.has(node));
  }
  const computes = new Set([...integer, ...plan.others]);
  const ends = new Set(plan.layers.map(({ end }) => end));
  for (const value of plan.roots.keys()) {
    const maker = graph.producer(value);
    const made = ends.has(value) || (maker !== undefined && computes.has(maker));
    const readers = [...graph.consumers(value)];
    const floatReader = graph.isOutput(value) || readers.some((node) => !computes.has(node));
    if (!made || floatReader) cost += CONVERTING_NODE_NS + CONVERSION_NS * sizeOf(value);
    // onnxruntime moves the conversion before the pool, which then has no fast kernel.
    if (!made && maker?.opType === 'MaxPool') cost += LONE_POOL_NS * sizeOf(maker.input[0] ?? '');
  }
  return cost;
}
