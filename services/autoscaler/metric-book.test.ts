// Against a real NATS server, with a clock that can be turned: a metric that comes, lies, stops and comes again.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type NatsServer, startNats } from '../../deploy/local/nats.js';
import { type Bus, connectBus } from '../mesh/bus.js';
import { FakeClock } from '../mesh/testing/fake-clock.js';
import { waitUntil } from '../mesh/testing/wait-until.js';
import { MetricBook } from './metric-book.js';

const SUBJECT = 'metrics.waiting';
let dir: string;
let nats: NatsServer;
let bus: Bus;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-metric-'));
  nats = await startNats({ dir, region: 'east' });
  bus = await connectBus({ url: nats.url, name: 'test', region: 'east' });
});
afterAll(async () => {
  await bus.drain();
  await nats.stop();
  await rm(dir, { recursive: true, force: true });
});

test('a metric that stops keeps its last value and says so, nonsense changes nothing, and it may come again', async () => {
  const clock = new FakeClock();
  const book = new MetricBook(bus, clock);
  book.follow(new Set([SUBJECT]));
  await bus.nc.flush();
  expect(book.of(SUBJECT)).toBeUndefined();
  const tell = (text: string): void => bus.nc.publish(SUBJECT, text);
  const until = (value: number) =>
    waitUntil(`the metric is ${value}`, () => Promise.resolve(book.of(SUBJECT)?.value === value));
  tell('42');
  await until(42);
  expect(book.of(SUBJECT)).toEqual({ value: 42, stale: false });
  await clock.advance(31_000);
  for (const nonsense of ['NaN', '-3', '"many"', '{"value": null}', '', '1e999']) tell(nonsense);
  await bus.nc.flush();
  expect(book.of(SUBJECT)).toEqual({ value: 42, stale: true });
  tell('{"value": 7}');
  await until(7);
  expect(book.of(SUBJECT)).toEqual({ value: 7, stale: false });
  book.follow(new Set());
  expect(book.of(SUBJECT)).toBeUndefined();
});
