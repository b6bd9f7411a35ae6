// Attention of opset 23 as the products it stands for (Vaswani et al., 2017): softmax(Q K^T scale + mask) V.
// Queries, keys and values are [batch, heads, sequence, size], or [batch, sequence, heads * size] with the numbers of
// heads as attributes.
import { floatOf, intOf } from '../../attributes.js';
import { TensorProto_DataType as T, type NodeProto } from '../../proto/onnx_pb.js';
import type { Writer } from '../writer.js';
import { given, inputOf, unsupported, type Lowering, type Lowerings } from './lowering.js';

const lowering: Lowering = (write, node) => {
  if (given(node, 4) !== undefined || given(node, 5) !== undefined) throw unsupported(node, 'past keys');
  if (floatOf(node, 'softcap', 0) !== 0) throw unsupported(node, 'softcap');
  const isFlat = write.rank(inputOf(node, 0)) === 3;
  const queryHeads = isFlat ? intOf(node, 'q_num_heads', 0) : write.size(inputOf(node, 0), 1);
  const keyHeads = isFlat ? intOf(node, 'kv_num_heads', 0) : write.size(inputOf(node, 1), 1);
  if (queryHeads !== keyHeads) throw unsupported(node, 'fewer key heads than query heads');
  const size = write.size(inputOf(node, 0), -1) / (isFlat ? queryHeads : 1);
  const heads = (i: number, perm: readonly number[]): string => {
    const name = inputOf(node, i);
    const each = write.size(name, -1) / queryHeads;
    const split = isFlat ? write.op('Reshape', [name, write.ints([0, 0, queryHeads, each])]) : name;
    const order = isFlat ? perm : perm.map((axis) => [0, 2, 1, 3][axis] ?? 0);
    return order.every((axis, k) => axis === k)
      ? split
      : write.op('Transpose', [split], { perm: [...order] });
  };
  const q = heads(0, [0, 2, 1, 3]);
  const scale = floatOf(node, 'scale', 1 / Math.sqrt(size));
  const scores = write.op('MatMul', [
    write.op('Mul', [q, write.float(scale, inputOf(node, 0))]),
    heads(1, [0, 2, 3, 1]),
  ]);
  const weights = write.op('Softmax', [masked(write, node, scores, isFlat)], { axis: -1 });
  const mixed = write.op('MatMul', [weights, heads(2, [0, 2, 1, 3])]);
  if (!isFlat) return [mixed];
  const back = write.op('Transpose', [mixed], { perm: [0, 2, 1, 3] });
  return [write.op('Reshape', [back, write.ints([0, 0, -1])])];
};

const FORBIDDEN = -1e9; // far below any score, yet finite: a row without any allowed key must not become NaN

function masked(write: Writer, node: NodeProto, scores: string, isFlat: boolean): string {
  const x = inputOf(node, 0);
  const mask = given(node, 3);
  let sum = scores;
  if (mask !== undefined) {
    const isBool = write.dataType(mask) === T.BOOL;
    sum = isBool ? write.op('Where', [mask, sum, write.float(FORBIDDEN, x)]) : write.op('Add', [sum, mask]);
  }
  if (intOf(node, 'is_causal', 0) === 0) return sum;
  const axis = isFlat ? 1 : 2;
  const [rows, columns] = [write.size(x, axis), write.size(inputOf(node, 1), axis)];
  const later = Array.from({ length: rows * columns }, (_, i) =>
    i % columns > Math.floor(i / columns) ? FORBIDDEN : 0,
  );
  return write.op('Add', [sum, write.floats([rows, columns], later, x)]);
}

export const attention: Lowerings = { Attention: lowering };
