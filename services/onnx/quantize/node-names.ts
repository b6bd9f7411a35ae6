// Nodes of a rounded model without the names that say what their outputs say already. ONNX asks for none, onnxruntime numbers nodes
// that have none, and beside weights of a byte each they count.
import type { Graph } from '../graph.js';

/** Works in place. What the author of a model called otherwise keeps its name. */
export function dropNodeNames(graph: Graph): void {
  for (const node of graph.nodes) if (node.name === node.output[0]) node.name = '';
}
