// Order in which nodes can run: makers before users. The files need not be sorted, exporters differ.
import type { NodeProto } from './proto/onnx_pb.js';

export interface Order {
  readonly nodes: NodeProto[];
  /** A node on a circle, where there is one; `nodes` then lacks everything behind it. */
  readonly stuck?: NodeProto;
}

/** Kahn's algorithm; nodes keep their order in the file as far as possible, so that a sorted graph stays as it is. */
export function topologicalOrder(
  nodes: readonly NodeProto[],
  uses: (node: NodeProto) => ReadonlySet<string> | readonly string[],
): Order {
  const made = new Set<string>();
  const makers = new Map<string, NodeProto>();
  for (const node of nodes) for (const name of node.output) if (name !== '') makers.set(name, node);

  const ordered: NodeProto[] = [];
  const waiting = new Map<string, NodeProto[]>();
  const missing = new Map<NodeProto, number>();
  const run = (first: NodeProto): void => {
    const ready = [first];
    for (let node = ready.pop(); node !== undefined; node = ready.pop()) {
      ordered.push(node);
      for (const name of node.output) {
        made.add(name);
        for (const next of waiting.get(name) ?? []) {
          const left = (missing.get(next) ?? 1) - 1;
          missing.set(next, left);
          if (left === 0) ready.push(next);
        }
        waiting.delete(name);
      }
    }
  };
  for (const node of nodes) {
    const needs = new Set([...uses(node)].filter((name) => makers.has(name) && !made.has(name)));
    if (needs.size === 0) {
      run(node);
      continue;
    }
    missing.set(node, needs.size);
    for (const name of needs) {
      const list = waiting.get(name);
      if (list === undefined) waiting.set(name, [node]);
      else list.push(node);
    }
  }
  if (ordered.length === nodes.length) return { nodes: ordered };
  return { nodes: ordered, stuck: onCircle(nodes, new Set(ordered), makers, uses) };
}

/** Goes back along unfinished makers until a node comes up twice. */
function onCircle(
  nodes: readonly NodeProto[],
  finished: ReadonlySet<NodeProto>,
  makers: ReadonlyMap<string, NodeProto>,
  uses: (node: NodeProto) => Iterable<string>,
): NodeProto {
  let node = nodes.find((candidate) => !finished.has(candidate)) as NodeProto;
  for (const seen = new Set<NodeProto>(); !seen.has(node);) {
    seen.add(node);
    for (const name of uses(node)) {
      const maker = makers.get(name);
      if (maker === undefined || finished.has(maker)) continue;
      node = maker;
      break;
    }
  }
  return node;
}
