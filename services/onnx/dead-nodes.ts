// Takes out what no output depends on: nodes, initialisers, functions and type notes. Run after rewrites.
import { functionKey } from './functions.js';
import type { Graph } from './graph.js';
import type { ModelProto, NodeProto } from './proto/onnx_pb.js';
import { subgraphsOf, usedNames } from './subgraphs.js';

/** How many nodes went. Declared inputs stay, used or not: they are the promise to the caller. */
export function removeDeadNodes(graph: Graph): number {
  const alive = reachable(
    graph,
    graph.outputs.map((output) => output.name),
  );
  const dead = graph.nodes.filter((node) => !alive.nodes.has(node));
  graph.remove(dead);
  graph.removeConstants(
    graph.proto.initializer.map(({ name }) => name).filter((name) => !alive.names.has(name)),
  );
  graph.proto.sparseInitializer = graph.proto.sparseInitializer.filter(({ values }) =>
    alive.names.has(values?.name ?? ''),
  );
  graph.proto.valueInfo = graph.proto.valueInfo.filter(({ name }) => alive.names.has(name));
  dropUnusedFunctions(graph.model);
  return dead.length;
}

export interface Reached {
  readonly nodes: ReadonlySet<NodeProto>;
  /** Everything those nodes read, and the starting names. */
  readonly names: ReadonlySet<string>;
}

/** Goes back from `outputs` to whatever makes them, and stops at the names in `stop`. */
export function reachable(
  graph: Graph,
  outputs: readonly string[],
  stop: ReadonlySet<string> = new Set(),
): Reached {
  const nodes = new Set<NodeProto>();
  const names = new Set<string>();
  const open = [...outputs];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (names.has(name)) continue;
    names.add(name);
    const maker = stop.has(name) ? undefined : graph.producer(name);
    if (maker === undefined || nodes.has(maker)) continue;
    nodes.add(maker);
    open.push(...usedNames(maker));
  }
  return { nodes, names };
}

export function dropUnusedFunctions(model: ModelProto): void {
  if (model.functions.length === 0) return;
  const byKey = new Map(model.functions.map((one) => [functionKey(one), one]));
  const used = new Set<string>();
  const visit = (nodes: readonly NodeProto[]): void => {
    for (const node of nodes) {
      for (const body of subgraphsOf(node)) visit(body.node);
      const key = functionKey(node, node.opType);
      const callee = byKey.get(key);
      if (callee === undefined || used.has(key)) continue;
      used.add(key);
      visit(callee.node);
    }
  };
  visit(model.graph?.node ?? []);
  model.functions = model.functions.filter((one) => used.has(functionKey(one)));
}
