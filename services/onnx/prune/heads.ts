// Whether a dense layer makes the heads of attention: its width is written as heads x size right behind it, and a head can only go as a whole.
// The grouping of channels asks.
import type { Graph } from '../graph.js';
import type { NodeProto } from '../proto/onnx_pb.js';
import { numberValues } from '../tensor.js';

const BETWEEN = new Set(['Add', 'Mul', 'Div', 'Identity', 'Dropout']); // bias and scale

/** Numbers in one head; undefined where what follows is no split into heads. */
export function headSize(graph: Graph, node: NodeProto, width: number): number | undefined {
  let value = node.output[0] ?? '';
  for (;;) {
    const [next, ...more] = graph.consumers(value);
    if (next === undefined || more.length > 0) return undefined;
    if (next.opType === 'Reshape' && next.input[0] === value) {
      const shape = graph.constant(next.input[1] ?? '');
      const [, , heads, size, ...rest] = shape === undefined ? [] : numberValues(shape);
      if (heads === undefined || size === undefined || rest.length > 0 || size < 2) return undefined;
      return width % size === 0 && (heads === -1 || heads * size === width) ? size : undefined;
    }
    const others = next.input.filter((name) => name !== value);
    if (!BETWEEN.has(next.opType) || others.some((name) => !graph.isConstant(name))) return undefined;
    value = next.output[0] ?? '';
  }
}
