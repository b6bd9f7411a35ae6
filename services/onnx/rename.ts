// Renames values of a whole graph, bodies included. merge.ts uses it to keep two models out of each other's way.
import type { GraphProto, NodeProto, TensorProto } from './proto/onnx_pb.js';
import { subgraphsOf } from './subgraphs.js';
import { variant } from './variant.js';

/**
 * Puts `prefix` before inner names that are among `taken`; `fixed` says what certain names become instead. Works in
 * place and returns the graph. Tensors are shared between graphs, so renamed ones are replaced.
 */
export function prefixNames(
  graph: GraphProto,
  taken: ReadonlySet<string>,
  prefix: string,
  fixed: Readonly<Record<string, string>> = {},
): GraphProto {
  const rename = (name: string): string => {
    if (name === '') return name;
    return fixed[name] ?? (taken.has(name) ? `${prefix}${name}` : name);
  };
  renameGraph(graph, rename);
  return graph;
}

function renameGraph(graph: GraphProto, rename: (name: string) => string): void {
  for (const info of [...graph.input, ...graph.output, ...graph.valueInfo]) info.name = rename(info.name);
  graph.initializer = graph.initializer.map((tensor) => renamed(tensor, rename(tensor.name)));
  graph.sparseInitializer = graph.sparseInitializer.map((sparse) =>
    sparse.values === undefined
      ? sparse
      : variant(sparse, { values: renamed(sparse.values, rename(sparse.values.name)) }),
  );
  graph.quantizationAnnotation = graph.quantizationAnnotation.map((one) =>
    variant(one, {
      tensorName: rename(one.tensorName),
      quantParameterTensorNames: one.quantParameterTensorNames.map((e) =>
        variant(e, { value: rename(e.value) }),
      ),
    }),
  );
  for (const node of graph.node) renameNode(node, rename);
}

function renameNode(node: NodeProto, rename: (name: string) => string): void {
  node.input = node.input.map(rename);
  node.output = node.output.map(rename);
  node.name = rename(node.name);
  for (const body of subgraphsOf(node)) renameGraph(body, rename);
}

function renamed(tensor: TensorProto, name: string): TensorProto {
  return tensor.name === name ? tensor : variant(tensor, { name });
}
