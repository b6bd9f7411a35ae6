// Adds the contributions to one gradient. A weight that is used at every step of a sequence gets one contribution per
// step, each the product of two slim matrices: one product of the stacked matrices computes the sum in one go.
import { intOf } from '../attributes.js';
import type { NodeProto } from '../proto/onnx_pb.js';
import type { Writer } from './writer.js';

export function accumulated(write: Writer, parts: readonly string[]): string {
  const [first] = parts;
  if (parts.length === 1 && first !== undefined) return first;
  const products = parts.map((name) => write.graph.producer(name));
  if (products.every(isOuterProduct)) return stacked(write, products);
  return write.op('Sum', parts);
}

/** A^T B without anything added: what the rule of Gemm writes for a weight. */
function isOuterProduct(node: NodeProto | undefined): node is NodeProto {
  return (
    node?.opType === 'Gemm' &&
    node.input.length === 2 &&
    intOf(node, 'transA', 0) === 1 &&
    intOf(node, 'transB', 0) === 0 &&
    node.attribute.every(({ name }) => name !== 'alpha')
  );
}

function stacked(write: Writer, products: readonly NodeProto[]): string {
  const stack = (i: number): string =>
    write.op(
      'Concat',
      products.map(({ input }) => input[i] ?? ''),
      { axis: 0 },
    );
  const sum = write.op('Gemm', [stack(0), stack(1)], { transA: 1 });
  write.graph.remove(products);
  return sum;
}
