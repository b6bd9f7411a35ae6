// Where a model can be cut so that a single activation crosses: places to split it into stages. split.ts cuts there,
// the planner chooses among them by cost.
import type { Graph } from './graph.js';
import type { NodeProto } from './proto/onnx_pb.js';
import { usedNames } from './subgraphs.js';

export interface CutPoint {
  /** The one value that crosses. */
  readonly value: string;
  /** How many nodes of `CutPoints.order` lie before the cut. */
  readonly position: number;
}

export interface CutPoints {
  /** Nodes that depend on an input, in an order they can run in. Constants are not among them: they are copied. */
  readonly order: readonly NodeProto[];
  readonly points: readonly CutPoint[];
}

export function cutPoints(graph: Graph): CutPoints {
  const { order, live } = liveValues(graph);
  const points: CutPoint[] = [];
  live.forEach((values, position) => {
    const [value] = values;
    if (values.length === 1 && value !== undefined && position > 0 && position < order.length)
      points.push({ value, position });
  });
  return { order, points };
}

export interface LiveValues {
  readonly order: readonly NodeProto[];
  /** Entry i: what is made before position i (or fed) and still needed from it on. */
  readonly live: readonly (readonly string[])[];
}

/** The values in flight between any two nodes; graph inputs that are needed later count. */
export function liveValues(graph: Graph): LiveValues {
  const inputs = graph.inputs.map((input) => input.name);
  const order = dependentNodes(graph, inputs);
  const uses = order.map((node) => [...usedNames(node)]);
  const lastUse = new Map<string, number>();
  uses.forEach((names, i) => names.forEach((name) => lastUse.set(name, i)));
  for (const { name } of graph.outputs) lastUse.set(name, order.length);

  let alive = new Set(inputs.filter((name) => lastUse.has(name)));
  const live: string[][] = [[...alive]];
  order.forEach((node, i) => {
    alive = new Set([...alive].filter((name) => (lastUse.get(name) ?? -1) > i));
    for (const name of node.output) if ((lastUse.get(name) ?? -1) > i) alive.add(name);
    live.push([...alive]);
  });
  return { order, live };
}

function dependentNodes(graph: Graph, inputs: readonly string[]): NodeProto[] {
  const varying = new Set(inputs);
  return graph.ordered().filter((node) => {
    if (![...usedNames(node)].some((name) => varying.has(name))) return isRandom(node);
    for (const name of node.output) varying.add(name);
    return true;
  });
}

/** Copying a random node into two stages would draw twice. */
function isRandom(node: NodeProto): boolean {
  return RANDOM.has(node.opType);
}

const RANDOM = new Set([
  'RandomNormal',
  'RandomUniform',
  'RandomNormalLike',
  'RandomUniformLike',
  'Multinomial',
  'Bernoulli',
]);
