// Computes beforehand what does not depend on any input, and what follows from shapes that are fixed. onnxruntime does
// the arithmetic, in one run for the whole graph, so that the values are those it would have computed itself.
import { elementType, rawBytes } from './data-type.js';
import { removeDeadNodes } from './dead-nodes.js';
import { extract } from './extract.js';
import type { Graph } from './graph.js';
import { TensorProto_DataType as T, type NodeProto } from './proto/onnx_pb.js';
import { openSession } from './session.js';
import { inferShapes, type Inferred } from './shape.js';
import { elementCount, int64 } from './tensor.js';
import { usedNames } from './subgraphs.js';

export interface FoldOptions {
  /** A constant that grows beyond this is left computed: Expand of one number would become megabytes of file. */
  readonly largestMadeBytes?: number;
}

/** Never the same twice, or meant to stay: a dequantized weight would be a float weight again. */
const KEPT = new Set(
  'RandomNormal RandomUniform RandomNormalLike RandomUniformLike Multinomial Bernoulli DequantizeLinear QuantizeLinear Dropout'.split(
    ' ',
  ),
);

/** Works in place; returns how many nodes went. Constant nodes become initialisers. */
export async function foldConstants(graph: Graph, options: FoldOptions = {}): Promise<number> {
  const before = graph.nodes.length;
  const types = inferShapes(graph);
  foldShapes(graph, types);
  const { foldable, frontier } = findFoldable(graph, types, options.largestMadeBytes ?? 1 << 20);
  const computed = frontier.filter((name) => graph.producer(name)?.opType !== 'Constant');
  const values = new Map(Object.entries(computed.length === 0 ? {} : await compute(graph, computed)));
  for (const name of frontier) {
    const value = values.get(name) ?? graph.constant(name);
    const maker = graph.producer(name);
    if (value === undefined || maker === undefined) continue;
    foldable.delete(maker);
    graph.remove([maker]);
    graph.setConstant(name, value);
  }
  removeDeadNodes(graph);
  return before - graph.nodes.length;
}

async function compute(graph: Graph, names: readonly string[]) {
  const part = extract(graph, [], names, { untyped: true });
  await using session = await openSession(part.write(), {
    optimisation: 'disabled',
    external: graph.external,
  });
  return await session.run({});
}

/** Shape of a value whose sizes are fixed is a constant, whoever makes the value. */
function foldShapes(graph: Graph, types: ReadonlyMap<string, Inferred>): void {
  for (const node of Array.from(graph.nodes)) {
    const [name] = node.output;
    const type = types.get(name ?? '');
    if (name === undefined || node.output.length !== 1 || graph.isOutput(name) || node.opType === 'Constant')
      continue;
    const { content, shape } = type ?? {};
    if (type?.dataType !== T.INT64 || content === undefined || shape === undefined || shape.length > 1)
      continue;
    if (!content.every((one) => typeof one === 'number') || content.length !== (shape[0] ?? 1)) continue;
    graph.remove([node]);
    graph.setConstant(name, int64(shape as number[], content as number[]));
  }
}

interface Foldable {
  readonly foldable: Set<NodeProto>;
  /** Values that foldable nodes make and others need. */
  readonly frontier: readonly string[];
}

function findFoldable(graph: Graph, types: ReadonlyMap<string, Inferred>, largestBytes: number): Foldable {
  const foldable = new Set<NodeProto>();
  const known = new Set<string>(graph.proto.initializer.map(({ name }) => name));
  for (const node of graph.ordered()) {
    if (![...usedNames(node)].every((name) => known.has(name)) || KEPT.has(node.opType)) continue;
    if (
      node.output.some(
        (name) => name !== '' && (graph.isOutput(name) || !carries(types.get(name), node, largestBytes)),
      )
    )
      continue;
    foldable.add(node);
    for (const name of node.output) known.add(name);
  }
  const frontier = [...foldable]
    .flatMap((node) => node.output)
    .filter((name) => {
      if (name === '') return false;
      return [...graph.consumers(name)].some((user) => !foldable.has(user));
    });
  return { foldable, frontier: completeNodes(graph, frontier) };
}

/** A node goes as a whole: if one output is needed, none of the others may be left without a maker. */
function completeNodes(graph: Graph, frontier: readonly string[]): string[] {
  const names = new Set(frontier);
  for (const name of frontier) {
    for (const sibling of graph.producer(name)?.output ?? []) {
      if (sibling !== '' && graph.consumers(sibling).size > 0) names.add(sibling);
    }
  }
  return [...names];
}

/** onnxruntime-node can hand the value out, and it is no bigger than what the file may grow by. */
function carries(type: Inferred | undefined, node: NodeProto, largestBytes: number): boolean {
  const element = elementType(type?.dataType ?? T.UNDEFINED);
  if (element === undefined) return false;
  if (node.opType === 'Constant') return true;
  if (element.wire === undefined || type?.shape?.every((dim) => typeof dim === 'number') !== true)
    return false;
  return rawBytes(element, elementCount(type.shape as number[])) <= largestBytes;
}
