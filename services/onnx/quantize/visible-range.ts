// What of a value's range can be told apart behind it: where the readers make everything below a number the same, levels below it are
// wasted. Hard swish is 0 below -3, and of what convolutions before it make up to nine tenths of the range can lie there. Static quantization asks.
import { floatOf } from '../attributes.js';
import type { Graph } from '../graph.js';
import type { NodeProto } from '../proto/onnx_pb.js';
import type { Range } from './affine.js';

/** `range` without what no reader of `value` sees. The answers stay the same: what is clipped has the same consequences as its bound. */
export function visibleRange(graph: Graph, value: string, range: Range): Range {
  // Behind Relu nothing is below 0: then the lowest level is 0 and the Relu falls away.
  if (graph.producer(value)?.opType === 'Relu') return { ...range, lowest: 0 };
  const readers = [...graph.consumers(value)];
  const gates = readers.filter(({ opType }) => opType === 'HardSigmoid');
  const [gate] = gates;
  if (gate === undefined || gates.length > 1 || graph.isOutput(value)) return range;
  const { lowest, highest } = openPart(gate);
  if (readers.length === 1) return clipped(range, lowest, highest);
  const opened = readers.every((node) => node === gate || isProduct(node, value, gate));
  return opened ? clipped(range, lowest, Infinity) : range;
}

/** Between where max(0, min(1, alpha x + beta)) is 0 and where it is 1. */
function openPart(gate: NodeProto): Range {
  const [alpha, beta] = [floatOf(gate, 'alpha', 0.2), floatOf(gate, 'beta', 0.5)];
  return alpha > 0
    ? { lowest: -beta / alpha, highest: (1 - beta) / alpha }
    : { lowest: -Infinity, highest: Infinity };
}

const isProduct = (node: NodeProto, value: string, gate: NodeProto): boolean =>
  node.opType === 'Mul' && node.input.includes(value) && node.input.includes(gate.output[0] ?? '');

/** Never empty: a value that always lies beyond a bound is that bound. */
const clipped = ({ lowest, highest }: Range, least: number, most: number): Range => ({
  lowest: Math.min(most, Math.max(lowest, least)),
  highest: Math.max(least, Math.min(highest, most)),
});
