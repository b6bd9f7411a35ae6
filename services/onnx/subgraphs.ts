// Graphs inside nodes: the bodies of If, Loop and Scan, and which outer values they use without listing them.
import type { GraphProto, NodeProto } from './proto/onnx_pb.js';

export function subgraphsOf(node: NodeProto): GraphProto[] {
  const bodies: GraphProto[] = [];
  for (const attribute of node.attribute) {
    if (attribute.g !== undefined) bodies.push(attribute.g);
    if (attribute.graphs.length > 0) bodies.push(...attribute.graphs);
  }
  return bodies;
}

/** Names that the bodies of a node take from outside, at any depth. Empty for ordinary nodes. */
function capturedNames(node: NodeProto): Set<string> {
  const captured = new Set<string>();
  for (const body of subgraphsOf(node)) for (const name of freeNames(body)) captured.add(name);
  return captured;
}

/** Every name the node depends on: its inputs and what its bodies capture. '' (an omitted input) is left out. */
export function usedNames(node: NodeProto): Set<string> {
  const used = new Set(node.input);
  for (const attribute of node.attribute) {
    if (attribute.g === undefined && attribute.graphs.length === 0) continue;
    for (const name of capturedNames(node)) used.add(name);
    break;
  }
  used.delete('');
  return used;
}

function freeNames(graph: GraphProto): Set<string> {
  const own = new Set<string>();
  for (const input of graph.input) own.add(input.name);
  for (const tensor of graph.initializer) own.add(tensor.name);
  for (const sparse of graph.sparseInitializer) own.add(sparse.values?.name ?? '');
  for (const node of graph.node) for (const name of node.output) own.add(name);
  const free = new Set<string>();
  for (const node of graph.node) for (const name of usedNames(node)) if (!own.has(name)) free.add(name);
  for (const output of graph.output) if (!own.has(output.name)) free.add(output.name);
  return free;
}

/** Calls `visit` for every node of the graph and of all bodies below it. */
export function forEachNode(graph: GraphProto, visit: (node: NodeProto) => void): void {
  for (const node of graph.node) {
    visit(node);
    for (const body of subgraphsOf(node)) forEachNode(body, visit);
  }
}

/** Renames what the bodies of a node take from outside. A body's own value of that name is left alone. */
export function renameCaptured(node: NodeProto, from: string, to: string): void {
  for (const body of subgraphsOf(node)) {
    if (!freeNames(body).has(from)) continue;
    for (const inner of body.node) {
      inner.input = inner.input.map((name) => (name === from ? to : name));
      renameCaptured(inner, from, to);
    }
    for (const output of body.output) if (output.name === from) output.name = to;
  }
}
