import { expect, test } from 'vitest';
import { ModelStatistics, noStatistics, sumStatistics } from './statistics.js';

const ran = (size: number, runs: number, at: number): ModelStatistics => {
  const of = (count: number) => ({ count, ns: count * 1_000 });
  return {
    ...noStatistics,
    last_inference: at,
    inference_count: size * runs,
    execution_count: runs,
    inference_stats: { ...noStatistics.inference_stats, success: of(size * runs), queue: of(size * runs) },
    batch_stats: [
      { batch_size: size, compute_input: of(runs), compute_infer: of(runs), compute_output: of(runs) },
    ],
    memory_usage: [{ type: 'CPU', id: 0, byte_size: 100 }],
  };
};

test('replicas add up: counts, times and memory, sizes of batches apart, the latest inference', () => {
  const sum = sumStatistics([ran(4, 2, 10), ran(1, 3, 30), ran(4, 5, 20)]);
  expect(ModelStatistics.parse(sum)).toEqual(sum);
  expect(sum).toMatchObject({ last_inference: 30, inference_count: 31, execution_count: 10 });
  expect(sum.inference_stats.success).toEqual({ count: 31, ns: 31_000 });
  expect(sum.batch_stats.map(({ batch_size, compute_infer }) => [batch_size, compute_infer.count])).toEqual([
    [1, 3],
    [4, 7],
  ]);
  expect(sum.memory_usage).toEqual([{ type: 'CPU', id: 0, byte_size: 300 }]);
});

test('without replicas there is nothing, in the same form', () => {
  expect(sumStatistics([])).toEqual(noStatistics);
});
