import { expect, test } from 'vitest';
import { ObservationReport, OBSERVED_MAX } from '../../../contracts/observation.js';
import { FakeClock } from '../../mesh/testing/fake-clock.js';
import { Observer } from './observer.js';

const VERSION = 'a'.repeat(64);

function watched() {
  const clock = new FakeClock();
  const reports: ObservationReport[] = [];
  const observer = new Observer({
    about: { region: 'east', replica: 'shard-east-1_a', model: 'm', label: '1', version: VERSION, life: 'l' },
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2], dims: ['n', ''] }],
    // As it travels.
    publish: (report) => reports.push(ObservationReport.parse(JSON.parse(JSON.stringify(report)))),
    clock,
  });
  const see = (x: readonly number[], y: readonly number[], rows = 1): void =>
    observer.see({
      requestId: 'r',
      rows,
      inputs: [{ name: 'x', datatype: 'FP32', shape: [rows, x.length / rows], data: Float32Array.from(x) }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [rows, y.length / rows], data: Float32Array.from(y) }],
    });
  return { clock, reports, see };
}

test('a report holds so many answers at most and counts the others; nothing is told of nothing', async () => {
  const { clock, reports, see } = watched();
  for (let n = 0; n < OBSERVED_MAX + 5; n++) see([n, 1], [0, 1]);
  expect(reports).toEqual([]);
  await clock.advance(250);
  expect(reports).toMatchObject([{ answered: OBSERVED_MAX + 5, leftOut: 5, total: OBSERVED_MAX + 5 }]);
  expect(reports[0]?.requests).toHaveLength(OBSERVED_MAX);
  await clock.advance(10_000);
  expect(reports).toHaveLength(1);
  see([1, 1], [0, 1]);
  await clock.advance(250);
  expect(reports[1]).toMatchObject({ answered: 1, total: OBSERVED_MAX + 6, life: 'l' });
});

test('what is told is the first row, what is wrong with the answer, and whether the input was a number', async () => {
  const { clock, reports, see } = watched();
  see([1, 3, 100, 200], [5, 6, 7, 8], 2);
  see([1, 2], [Number.NaN, 1]);
  see([Number.NaN, 2], [Number.NaN, 1]);
  see([1, 2], [1, 2, 3]);
  await clock.advance(250);
  const [first, second, third, fourth] = reports[0]?.requests ?? [];
  expect(first?.inputs['x']).toEqual({ mean: 2, deviation: 1, min: 1, max: 3, roughness: 1 });
  expect([
    ...new Float32Array(new Uint8Array(Buffer.from(first?.outputs['y'] ?? '', 'base64')).buffer),
  ]).toEqual([5, 6]);
  expect(first?.faults).toEqual([]);
  expect(second).toMatchObject({ ordinary: true, faults: ['not-a-number'] });
  expect(third).toMatchObject({ ordinary: false, inputs: {} });
  expect(fourth?.faults).toEqual(['wrong-shape']);
});
