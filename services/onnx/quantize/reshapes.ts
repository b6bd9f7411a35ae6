// One Reshape in the place of two in a row, and one of those that do the same: what is left where dense layers of any rank became
// Gemm. A value that is shared is rounded once for all the layers that read it.
import type { Graph } from '../graph.js';
import type { NodeProto } from '../proto/onnx_pb.js';
import { intOf } from '../attributes.js';
import { int64, numberValues } from '../tensor.js';

/** Works in place; what nobody reads any more is left to removeDeadNodes. */
export function joinReshapes(graph: Graph): void {
  const known = new Map<string, string>();
  for (const node of graph.ordered()) {
    const sizes = sizesOf(graph, node);
    if (sizes === undefined) continue;
    const before = graph.producer(node.input[0] ?? '');
    const first = before === undefined ? undefined : sizesOf(graph, before);
    const both = first === undefined ? undefined : joined(first, sizes);
    if (before !== undefined && both !== undefined) reshape(graph, node, before.input[0] ?? '', both);
    share(graph, node, known, both ?? sizes);
  }
}

function sizesOf(graph: Graph, node: NodeProto): number[] | undefined {
  if (node.opType !== 'Reshape' || intOf(node, 'allowzero', 0) !== 0) return undefined;
  const sizes = graph.constant(node.input[1] ?? '');
  return sizes === undefined ? undefined : numberValues(sizes);
}

/** 0 stands for the size that was there before; undefined where two sizes would be left open. */
export function joined(first: readonly number[], second: readonly number[]): number[] | undefined {
  const both = second.map((size, axis) => (size === 0 ? first[axis] : size));
  const known = both.flatMap((size) => size ?? []);
  return known.length < both.length || known.filter((size) => size === -1).length > 1 ? undefined : known;
}

function reshape(graph: Graph, node: NodeProto, from: string, sizes: readonly number[]): void {
  const shape = graph.setConstant(graph.fresh('ints'), int64([sizes.length], sizes));
  graph.edit(node, (one) => (one.input = [from, shape]));
}

function share(graph: Graph, node: NodeProto, known: Map<string, string>, sizes: readonly number[]): void {
  const [output = ''] = node.output;
  const key = `${sizes.join()} ${node.input[0]}`;
  const same = known.get(key);
  if (same === undefined) known.set(key, output);
  else if (!graph.isOutput(output)) graph.replaceUses(output, same);
}
