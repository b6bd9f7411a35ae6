// Replaces operators that have no backward rule of their own by what they are made of: fused nodes of com.microsoft,
// recurrent layers, rarer normalisations. Forward values stay the same up to rounding.
import assert from 'node:assert';
import type { Graph } from '../../graph.js';
import type { NodeProto } from '../../proto/onnx_pb.js';
import type { InferOptions } from '../../shape.js';
import { Writer } from '../writer.js';
import { attention } from './attention.js';
import { fused } from './fused.js';
import { gru } from './gru.js';
import type { Lowering, Lowerings } from './lowering.js';
import { lstm } from './lstm.js';
import { plain } from './plain.js';

const STANDARD: Lowerings = { ...plain, ...attention, LSTM: lstm, GRU: gru };

const MOST_ROUNDS = 8; // decompositions made of decompositions; none here is more than two deep

/** Works in place and returns a writer that knows the types of the result. */
export function lowered(graph: Graph, infer: InferOptions): Writer {
  const write = new Writer(graph, infer);
  for (let round = 0; ; round++) {
    const found = graph.nodes.filter((node) => loweringOf(node) !== undefined);
    if (found.length === 0) return write;
    assert(round < MOST_ROUNDS, 'decompositions go in a circle');
    for (const node of found) replace(write, node);
    write.refresh();
  }
}

function loweringOf(node: NodeProto): Lowering | undefined {
  const table = node.domain === 'com.microsoft' ? fused : node.domain === '' ? STANDARD : {};
  const lowering = Object.hasOwn(table, node.opType) ? table[node.opType] : undefined;
  return lowering;
}

function replace(write: Writer, node: NodeProto): void {
  const values = loweringOf(node)?.(write, node) ?? [];
  write.graph.remove([node]);
  node.output.forEach((name, i) => {
    const value = values[i];
    if (name !== '' && value !== undefined) write.graph.add('Identity', [value], {}, [name]);
  });
}
