// GRU (Cho et al., 2014), unrolled. ONNX orders the gates update, reset, hidden; with linear_before_reset the reset gate
// multiplies the product with the state, without it the state.
import { intOf } from '../../attributes.js';
import type { Lowering } from './lowering.js';
import { inputOf } from './lowering.js';
import { unrolled, type Cell } from './recurrence.js';

export const gru: Lowering = (write, node) => {
  const resetLast = intOf(node, 'linear_before_reset', 0) === 1;
  const hidden = write.size(inputOf(node, 2), 2);
  const x = inputOf(node, 0);
  const cut = (value: string, axis: number): string[] =>
    write.ops('Split', [value, write.ints([2 * hidden, hidden])], 2, { axis });
  const halves = (value: string): string[] =>
    write.ops('Split', [value, write.ints([hidden, hidden])], 2, { axis: 1 });
  const blend = (update: string, candidate: string, h: string | undefined): string => {
    const fresh = write.op('Mul', [write.op('Sub', [write.float(1, x), update]), candidate]);
    return h === undefined ? fresh : write.op('Add', [fresh, write.op('Mul', [update, h])]);
  };
  const cell: Cell = ({ recurrent, recurrentBias }, gates, state) => {
    const h = state?.[0];
    const [gateInput = '', candidateInput = ''] = cut(gates, 1);
    const [gateWeights = '', candidateWeights = ''] = cut(recurrent, 0);
    const [gateBias, candidateBias] = recurrentBias === undefined ? [] : cut(recurrentBias, 0);
    const biased = gateBias === undefined ? gateInput : write.op('Add', [gateInput, gateBias]);
    const sums = h === undefined ? biased : write.op('Gemm', [h, gateWeights, biased], { transB: 1 });
    const [update = '', reset = ''] = halves(write.op('Sigmoid', [sums]));
    const candidate = write.op('Tanh', [
      write.op('Add', [candidateInput, resetPart(h, reset, candidateWeights, candidateBias)]),
    ]);
    return [blend(update, candidate, h)];
  };
  const resetPart = (
    h: string | undefined,
    reset: string,
    weights: string,
    bias: string | undefined,
  ): string => {
    const added = bias === undefined ? [] : [bias];
    if (h === undefined)
      return bias === undefined ? write.float(0, x) : resetLast ? write.op('Mul', [reset, bias]) : bias;
    if (resetLast) return write.op('Mul', [reset, write.op('Gemm', [h, weights, ...added], { transB: 1 })]);
    return write.op('Gemm', [write.op('Mul', [reset, h]), weights, ...added], { transB: 1 });
  };
  return unrolled(write, node, { gateCount: 3, initial: [5], separateBias: true }, cell);
};
