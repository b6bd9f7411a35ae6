// LSTM (Hochreiter and Schmidhuber, 1997), unrolled. ONNX orders the gates input, output, forget, cell.
import type { Lowering } from './lowering.js';
import { inputOf } from './lowering.js';
import { unrolled, type Cell } from './recurrence.js';

export const lstm: Lowering = (write, node) => {
  const cell: Cell = ({ recurrent }, gates, state) => {
    const [h, c] = state ?? [];
    const sum = h === undefined ? gates : write.op('Gemm', [h, recurrent, gates], { transB: 1 });
    const hidden = write.size(inputOf(node, 2), 2);
    const [i = '', o = '', f = '', g = ''] = write.ops(
      'Split',
      [sum, write.ints([hidden, hidden, hidden, hidden])],
      4,
      {
        axis: 1,
      },
    );
    const gate = (name: string): string => write.op('Sigmoid', [name]);
    const added = write.op('Mul', [gate(i), write.op('Tanh', [g])]);
    const next = c === undefined ? added : write.op('Add', [write.op('Mul', [gate(f), c]), added]);
    return [write.op('Mul', [gate(o), write.op('Tanh', [next])]), next];
  };
  return unrolled(write, node, { gateCount: 4, initial: [5, 6], separateBias: false }, cell);
};
