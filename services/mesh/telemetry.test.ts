import { expect, test } from 'vitest';
import { FakeClock } from './testing/fake-clock.js';
import { Metrics } from './telemetry.js';

const metrics = () => new Metrics({ instance: 'shard-1', region: 'east' }, new FakeClock());

test('counts and durations come out in the text form with the process on every line', async () => {
  const one = metrics();
  one.counter('massif_requests_total', { help: 'Requests.', labels: ['endpoint'] }).inc({ endpoint: 'ocr' });
  one
    .counter('massif_requests_total', { help: 'Requests.', labels: ['endpoint'] })
    .inc({ endpoint: 'ocr' }, 2);
  one
    .histogram('massif_request_seconds', { help: 'Time.', labels: ['endpoint'] })
    .observe({ endpoint: 'ocr' }, 0.003);
  one.gauge('massif_in_flight', { help: 'Now.' }).set({}, 4);
  const text = await one.text();
  expect(text).toContain('massif_requests_total{endpoint="ocr",instance="shard-1",region="east"} 3');
  expect(text).toMatch(/massif_request_seconds_bucket\{le="0.005",.*endpoint="ocr".*\} 1/);
  expect(text).toContain('massif_in_flight{instance="shard-1",region="east"} 4');
});

test('labels that callers invent stop being counted apart, and nothing is lost', async () => {
  const one = metrics();
  const counter = one.counter('massif_requests_total', { help: 'Requests.', labels: ['endpoint'] });
  for (let i = 0; i < 1_500; i++) counter.inc({ endpoint: `made-up-${i}` });
  counter.inc({ endpoint: 'made-up-0' });
  const lines = (await one.text()).split('\n').filter((line) => line.startsWith('massif_requests_total{'));
  expect(lines).toHaveLength(1_001);
  expect(lines.find((line) => line.includes('"other"'))).toMatch(/ 500$/);
  expect(lines.find((line) => line.includes('"made-up-0"'))).toMatch(/ 2$/);
});

test('what is gone leaves no line behind, and makes room for others', async () => {
  const one = metrics();
  const gauge = one.gauge('massif_replica_in_flight', { help: 'Now.', labels: ['replica'] });
  for (let i = 0; i < 1_500; i++) {
    gauge.set({ replica: `r-${i}` }, i);
    if (i > 0) gauge.remove({ replica: `r-${i - 1}` });
  }
  const lines = (await one.text()).split('\n').filter((line) => line.startsWith('massif_replica_in_flight{'));
  expect(lines).toEqual(['massif_replica_in_flight{replica="r-1499",instance="shard-1",region="east"} 1499']);
});

test('the process describes itself', async () => {
  const text = await metrics().text();
  for (const name of [
    'process_resident_memory_bytes',
    'process_cpu_seconds_total',
    'process_start_time_seconds',
    'nodejs_eventloop_utilization',
  ])
    expect(text).toMatch(new RegExp(`^${name}\\{.*\\} [0-9.e+]+$`, 'm'));
});

test('one metric is told alone, all of its parts, and an unknown one is empty', async () => {
  const one = metrics();
  const counter = one.counter('massif_requests_total', { help: 'Requests.', labels: ['endpoint'] });
  for (let i = 0; i < 100; i++) counter.inc({ endpoint: `e-${i}` });
  one.gauge('massif_in_flight', { help: 'Now.' }).set({}, 4);
  const lines = (await one.text({ name: 'massif_requests_total' })).trimEnd().split('\n');
  expect(lines.filter((line) => line.startsWith('massif_requests_total{'))).toHaveLength(100);
  expect(lines.every((line) => line.includes('massif_requests_total'))).toBe(true);
  expect(await one.text({ name: 'massif_other' })).toBe('');
});

test('of one metric only what was told lately is told on demand', async () => {
  const clock = new FakeClock();
  const one = new Metrics({}, clock);
  const seconds = one.histogram('massif_request_seconds', { help: 'Time.', labels: ['endpoint'] });
  seconds.observe({ endpoint: 'before' }, 0.003);
  await clock.advance(10_000);
  seconds.observe({ endpoint: 'lately' }, 0.003);
  const endpoints = async (withinMs?: number) => {
    const text = await one.text({ name: 'massif_request_seconds', withinMs });
    return [...text.matchAll(/_count\{endpoint="(\w+)"\} 1/g)].map(([, endpoint]) => endpoint);
  };
  expect(await endpoints(5_000)).toEqual(['lately']);
  expect(await endpoints(60_000)).toEqual(['before', 'lately']);
  expect(await endpoints()).toEqual(['before', 'lately']);
});

test('a page of a thousand endpoints is written in pieces, and the loop does other things between them', async () => {
  const one = metrics();
  const seconds = one.histogram('massif_request_seconds', { help: 'Time.', labels: ['endpoint'] });
  for (let i = 0; i < 1_000; i++) seconds.observe({ endpoint: `e-${i}` }, 0.003);
  let turns = 0;
  let next = setImmediate(function turn() {
    turns++;
    next = setImmediate(turn);
  });
  await one.text();
  clearImmediate(next);
  expect(turns).toBeGreaterThan(30);
});
