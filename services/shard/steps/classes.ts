// The best class of each row, as a number or by its label.
import { failure } from '../../../contracts/errors.js';
import { floats, made, port, type Ports, type StepFunction } from './step-function.js';

export const argMax: StepFunction<'arg-max'> = (ports) => {
  const { best, scores } = bestOf(ports);
  return {
    index: made('INT64', [best.length], BigInt64Array.from(best, BigInt)),
    scores: made('FP32', [best.length], scores),
  };
};

export const topLabel: StepFunction<'top-label'> = (ports, _, { labels }) => {
  if (!labels) throw failure('BAD_REQUEST', 'The version was pushed without labels: push it with --labels.');
  const { best, scores } = bestOf(ports);
  return {
    label: made(
      'BYTES',
      [best.length],
      best.map((index) => labels[index] ?? String(index)),
    ),
    scores: made('FP32', [best.length], scores),
  };
};

function bestOf(ports: Ports): { best: number[]; scores: Float32Array } {
  const [rows = 0, classes = 0] = port(ports, 'y').shape;
  if (rows > 0 && classes === 0) throw failure('BAD_REQUEST', 'There are no classes to choose from.');
  const values = floats(ports, 'y');
  const best = Array.from({ length: rows }, (_, row) => {
    let index = 0;
    for (let i = 1; i < classes; i++)
      if ((values[row * classes + i] ?? 0) > (values[row * classes + index] ?? 0)) index = i;
    return index;
  });
  return { best, scores: Float32Array.from(best, (index, row) => values[row * classes + index] ?? 0) };
}
