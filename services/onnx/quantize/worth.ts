// Which layers are worth integers: kernels of small windows are no faster in int8, and every border between integer and float
// costs a pass over the values. Costs are counted, not timed, so that the same model gives the same bytes everywhere.
import type { Graph } from '../graph.js';
import { elementCount } from '../tensor.js';
import type { WeightLayer } from './layers.js';
import { planned, type Plan } from './plan.js';

/**
 * Nanoseconds on one core of a server with VNNI, measured on the 91 convolutions of two OCR networks (onnxruntime 1.30): dense
 * ones 0.0178 a multiplication in float, 0.0046 + 0.15 / window in int8; where each output sees few channels 0.03 and 0.045.
 * Reading a weight of a dense layer: 12.6M of them took 0.96 ms in float and 0.34 ms in int8.
 */
const FLOAT_NS = 0.0178;
const INTEGER_NS = 0.0046;
const INTEGER_START_NS = 0.15;
const NARROW_FLOAT_NS = 0.03;
const NARROW_INTEGER_NS = 0.045;
const NARROW_CHANNELS = 4;
const READ_FLOAT_NS = 0.06;
const READ_INTEGER_NS = 0.02;
const CONVERSION_NS = 0.13;
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
  for (let improved = true; improved && chosen.length > 1;) {
    improved = false;
    for (const layer of chosen) {
      const others = chosen.filter((one) => one !== layer);
      const without = planned(graph, others);
      const less = costOf(graph, without, layers, elements);
      if (less >= cost || others.length === 0) continue;
      [chosen, plan, cost, improved] = [others, without, less, true];
    }
  }
  return plan;
}

function costOf(
  graph: Graph,
  plan: Plan,
  layers: readonly WeightLayer[],
  elements: ReadonlyMap<string, number>,
): number {
  const integer = new Set(plan.layers.map(({ node }) => node));
  const sizeOf = (value: string): number => elements.get(value) ?? 0;
  let cost = 0;
  for (const layer of layers) cost += layerCost(graph, layer, sizeOf(layer.output), integer.has(layer.node));
  const computes = new Set([...integer, ...plan.others]);
  const ends = new Set(plan.layers.map(({ end }) => end));
  for (const value of plan.roots.keys()) {
    const maker = graph.producer(value);
    const made = ends.has(value) || (maker !== undefined && computes.has(maker));
    const readers = [...graph.consumers(value)];
    const floatReader = graph.isOutput(value) || readers.some((node) => !computes.has(node));
    if (!made || floatReader) cost += CONVERSION_NS * sizeOf(value);
    // onnxruntime moves the conversion before the pool, which then has no fast kernel.
    if (!made && maker?.opType === 'MaxPool') cost += LONE_POOL_NS * sizeOf(maker.input[0] ?? '');
  }
  return cost;
}

function layerCost(
  graph: Graph,
  { weight, axis, kind }: WeightLayer,
  outputs: number,
  integer: boolean,
): number {
  const dims = graph.initializer(weight)?.dims.map(Number) ?? [];
  const window = elementCount(dims) / (dims[axis] ?? 1);
  const narrow = kind === 'Conv' && (dims[1] ?? 1) < NARROW_CHANNELS;
  if (narrow) return outputs * window * (integer ? NARROW_INTEGER_NS : NARROW_FLOAT_NS);
  // A dense layer of few rows waits for its weights.
  const reading = kind === 'Conv' ? 0 : elementCount(dims) * (integer ? READ_INTEGER_NS : READ_FLOAT_NS);
  return reading + outputs * (integer ? window * INTEGER_NS + INTEGER_START_NS : window * FLOAT_NS);
}
