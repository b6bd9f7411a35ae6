// The names in one graph and in the bodies inside it: each made once, each use made somewhere before, no circle.
// Used by scan.ts for the main graph and by functions.ts for function bodies.
import type { GraphProto, NodeProto } from '../proto/onnx_pb.js';
import { clip, nodeLabel, refusal } from '../refusal.js';
import { subgraphsOf, usedNames } from '../subgraphs.js';
import { topologicalOrder } from '../topology.js';

interface Scope {
  readonly node: readonly NodeProto[];
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly constants?: readonly string[];
}

/** Asked from the inside out; copying the outer names into every body would take a hostile file minutes. */
interface Names {
  has(name: string): boolean;
}

const NONE: Names = { has: () => false };

export function checkScope(graph: GraphProto | Scope, outer: Names = NONE): void {
  const scope = 'initializer' in graph ? scopeOf(graph) : graph;
  const own = namesMade(scope);
  for (const node of scope.node) {
    for (const name of node.input) {
      if (name === '' || own.has(name) || outer.has(name)) continue;
      throw refusal(`The input "${clip(name)}" of ${nodeLabel(node)} is made by nobody.`, {
        node: node.name,
        tensor: name,
      });
    }
  }
  for (const name of scope.outputs) {
    if (own.has(name) || outer.has(name)) continue;
    throw refusal(`The output "${clip(name)}" is made by no node.`, { tensor: name });
  }
  checkBodies(scope, own, outer);
  const { stuck } = topologicalOrder(scope.node, usedNames);
  if (stuck !== undefined)
    throw refusal(`The graph runs in a circle through ${nodeLabel(stuck)}.`, { node: stuck.name });
}

function checkBodies(scope: Scope, own: Names, outer: Names): void {
  const visible: Names = { has: (name) => own.has(name) || outer.has(name) };
  for (const node of scope.node) for (const body of subgraphsOf(node)) checkScope(body, visible);
}

function namesMade(scope: Scope): Set<string> {
  const own = new Set<string>();
  const inputs = new Set<string>();
  for (const name of scope.inputs) {
    if (inputs.has(name)) throw twice('input', name);
    inputs.add(name);
  }
  for (const name of scope.constants ?? []) {
    if (own.has(name)) throw twice('initialiser', name);
    own.add(name);
  }
  for (const name of inputs) own.add(name); // an initialiser may be listed as an input too: its default
  for (const node of scope.node) {
    for (const name of node.output) {
      if (name === '') continue;
      if (own.has(name)) {
        throw refusal(`The name "${clip(name)}" is made twice, the second time by ${nodeLabel(node)}.`, {
          node: node.name,
          tensor: name,
        });
      }
      own.add(name);
    }
  }
  const outputs = new Set<string>();
  for (const name of scope.outputs) {
    if (outputs.has(name)) throw twice('output', name);
    outputs.add(name);
  }
  return own;
}

function twice(kind: string, name: string): Error {
  return refusal(`The ${kind} "${clip(name)}" is listed twice.`, { tensor: name });
}

function scopeOf(graph: GraphProto): Scope {
  return {
    node: graph.node,
    inputs: graph.input.map((input) => input.name),
    outputs: graph.output.map((output) => output.name),
    constants: [
      ...graph.initializer.map((tensor) => tensor.name),
      ...graph.sparseInitializer.map((sparse) => sparse.values?.name ?? ''),
    ],
  };
}
