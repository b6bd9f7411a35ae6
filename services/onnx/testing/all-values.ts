// Every value of the main graph, as onnxruntime computes it: what inferred types are held against.
import { extract } from '../extract.js';
import { Graph } from '../graph.js';
import type { Tensors } from '../session.js';
import type { Tensor } from '../tensor.js';
import { outputsOf } from './outputs.js';

export async function allValues(bytes: Uint8Array, feeds: Tensors): Promise<Record<string, Tensor>> {
  const graph = Graph.read(bytes);
  const made = graph.nodes.filter((node) => node.opType !== 'Constant').flatMap((node) => node.output);
  const values = made.filter((name) => name !== '');
  const inputs = graph.inputs.map((input) => input.name);
  return outputsOf(extract(graph, inputs, values, { untyped: true }).write(), feeds);
}
