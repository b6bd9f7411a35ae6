// Drops the rows whose score is too low.
import type { TensorData } from '../../../contracts/tensor.js';
import { floats, made, port, sameRows, type StepFunction } from './step-function.js';
import { joinRows, rowOf } from '../../../contracts/tensor-rows.js';

export const keepRows: StepFunction<'keep-rows'> = (ports, { scoreMin }) => {
  const rows = sameRows(ports, 'rows', 'scores');
  const scores = floats(ports, 'scores');
  const all = port(ports, 'rows');
  const kept = Array.from({ length: rows }, (_, row) => row).filter((row) => (scores[row] ?? 0) >= scoreMin);
  if (kept.length > 0)
    return {
      rows: joinRows(
        'rows',
        kept.map((row) => rowOf(all, row)),
      ),
    };
  const none = (Array.isArray(all.data) ? [] : all.data.subarray(0, 0)) as TensorData;
  return { rows: made(all.datatype, [0, ...all.shape.slice(1)], none) };
};
