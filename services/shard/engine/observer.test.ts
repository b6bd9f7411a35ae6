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
      taps: [],
    });
  return { clock, reports, see, observer };
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

test('once a report is full, an answer need not be shown to be counted', async () => {
  const { clock, reports, see, observer } = watched();
  expect(observer.wants).toBe(true);
  for (let n = 0; n < OBSERVED_MAX; n++) see([n, 1], [0, 1]);
  expect(observer.wants).toBe(false);
  observer.passed();
  observer.passed();
  await clock.advance(250);
  expect(reports).toMatchObject([{ answered: OBSERVED_MAX + 2, leftOut: 2, total: OBSERVED_MAX + 2 }]);
  expect(observer.wants).toBe(true);
  observer.passed();
  await clock.advance(250);
  expect(reports[1]).toMatchObject({ answered: 1, leftOut: 1 });
});

test('a tap travels as its first row, and once a report is full of them the others go without', async () => {
  const { clock, reports, observer } = watched();
  expect(observer.hasRoom).toBe(true);
  for (let n = 0; n < OBSERVED_MAX; n++)
    observer.see({
      requestId: `${n}`,
      rows: 2,
      inputs: [],
      outputs: [],
      taps: [
        {
          name: 'tap',
          datatype: 'FP32',
          shape: [2, 8_000],
          data: Float32Array.from({ length: 16_000 }, (_, i) => i),
        },
      ],
    });
  expect(observer.hasRoom).toBe(false);
  await clock.advance(250);
  const tapped = reports[0]?.requests.filter(({ taps }) => 'tap' in taps) ?? [];
  expect(tapped.map(({ requestId }) => requestId)).toEqual(['0', '1', '2', '3']);
  const row = new Float32Array(new Uint8Array(Buffer.from(tapped[0]?.taps['tap'] ?? '', 'base64')).buffer);
  expect([row.length, row[1], row.at(-1)]).toEqual([8_000, 1, 7_999]);
  expect(reports[0]?.requests).toHaveLength(OBSERVED_MAX);
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
