// A second node with the same meaning: its lists are its own, its tensors are shared (tensors are never written into).
// Extraction and merging copy, so that editing one graph cannot change another.
import type { AttributeProto, GraphProto, NodeProto } from './proto/onnx_pb.js';
import { variant } from './variant.js';

export function copyNode(node: NodeProto): NodeProto {
  return variant(node, {
    input: [...node.input],
    output: [...node.output],
    attribute: node.attribute.map(copyAttribute),
  });
}

export function copyGraph(graph: GraphProto): GraphProto {
  const copyInfos = (infos: GraphProto['input']) => infos.map((info) => variant(info, {}));
  return variant(graph, {
    node: graph.node.map(copyNode),
    initializer: [...graph.initializer],
    sparseInitializer: [...graph.sparseInitializer],
    input: copyInfos(graph.input),
    output: copyInfos(graph.output),
    valueInfo: copyInfos(graph.valueInfo),
  });
}

function copyAttribute(attribute: AttributeProto): AttributeProto {
  if (attribute.g === undefined && attribute.graphs.length === 0) return attribute;
  const bodies = attribute.g === undefined ? {} : { g: copyGraph(attribute.g) };
  return variant(attribute, { ...bodies, graphs: attribute.graphs.map(copyGraph) });
}
