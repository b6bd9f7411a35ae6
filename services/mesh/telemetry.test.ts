import { expect, test } from 'vitest';
import { FakeClock } from './testing/fake-clock.js';
import { Metrics } from './telemetry.js';

const metrics = () => new Metrics({ instance: 'shard-1', region: 'east' }, new FakeClock());

test('counts and durations come out in the text form with the process on every line', () => {
  const one = metrics();
  one.counter('massif_requests_total', { help: 'Requests.', labels: ['endpoint'] }).inc({ endpoint: 'ocr' });
  one
    .counter('massif_requests_total', { help: 'Requests.', labels: ['endpoint'] })
    .inc({ endpoint: 'ocr' }, 2);
  one
    .histogram('massif_request_seconds', { help: 'Time.', labels: ['endpoint'] })
    .observe({ endpoint: 'ocr' }, 0.003);
  one.gauge('massif_in_flight', { help: 'Now.' }).set({}, 4);
  const text = one.text();
  expect(text).toContain('massif_requests_total{endpoint="ocr",instance="shard-1",region="east"} 3');
  expect(text).toMatch(/massif_request_seconds_bucket\{le="0.005",.*endpoint="ocr".*\} 1/);
  expect(text).toContain('massif_in_flight{instance="shard-1",region="east"} 4');
});

test('labels that callers invent stop being counted apart, and nothing is lost', () => {
  const one = metrics();
  const counter = one.counter('massif_requests_total', { help: 'Requests.', labels: ['endpoint'] });
  for (let i = 0; i < 1_500; i++) counter.inc({ endpoint: `made-up-${i}` });
  counter.inc({ endpoint: 'made-up-0' });
  const lines = one
    .text()
    .split('\n')
    .filter((line) => line.startsWith('massif_requests_total{'));
  expect(lines).toHaveLength(1_001);
  expect(lines.find((line) => line.includes('"other"'))).toMatch(/ 500$/);
  expect(lines.find((line) => line.includes('"made-up-0"'))).toMatch(/ 2$/);
});

test('what is gone leaves no line behind, and makes room for others', () => {
  const one = metrics();
  const gauge = one.gauge('massif_replica_in_flight', { help: 'Now.', labels: ['replica'] });
  for (let i = 0; i < 1_500; i++) {
    gauge.set({ replica: `r-${i}` }, i);
    if (i > 0) gauge.remove({ replica: `r-${i - 1}` });
  }
  const lines = one
    .text()
    .split('\n')
    .filter((line) => line.startsWith('massif_replica_in_flight{'));
  expect(lines).toEqual(['massif_replica_in_flight{replica="r-1499",instance="shard-1",region="east"} 1499']);
});

test('the process describes itself', () => {
  const text = metrics().text();
  for (const name of [
    'process_resident_memory_bytes',
    'process_cpu_seconds_total',
    'process_start_time_seconds',
    'nodejs_eventloop_utilization',
  ])
    expect(text).toMatch(new RegExp(`^${name}\\{.*\\} [0-9.e+]+$`, 'm'));
});

test('a page says each metric once, its labels as they are declared and its buckets as sums', () => {
  const one = metrics();
  const seconds = one.histogram('massif_seconds', {
    help: 'A\nB',
    labels: ['door', 'code'],
    buckets: [0.1, 1],
  });
  for (const value of [0.1, 0.2, 7]) seconds.observe({ code: '200', door: 'a "quoted" \\ one' }, value);
  const labels = String.raw`door="a \"quoted\" \\ one",code="200",instance="shard-1",region="east"`;
  expect(one.text('massif_seconds').split('\n')).toEqual([
    String.raw`# HELP massif_seconds A\nB`,
    '# TYPE massif_seconds histogram',
    `massif_seconds_bucket{le="0.1",${labels}} 1`,
    `massif_seconds_bucket{le="1",${labels}} 2`,
    `massif_seconds_bucket{le="+Inf",${labels}} 3`,
    `massif_seconds_sum{${labels}} 7.3`,
    `massif_seconds_count{${labels}} 3`,
    '',
  ]);
  expect(one.text('massif_other')).toBe('');
});

test('what has no labels is there before it is counted', () => {
  const one = metrics();
  one.counter('massif_total', { help: 'So far.' });
  expect(one.text('massif_total')).toContain('massif_total{instance="shard-1",region="east"} 0\n');
});
