// How several callers share a replica's limit without knowing of each other.
import { expect, test } from 'vitest';
import { Breakers } from '../breaker.js';
import { seededRandom } from '../random.js';
import { ReplicaEntry } from './replica-entry.js';
import { FakeClock } from '../testing/fake-clock.js';

const report = {
  id: 'a',
  model: 'm',
  version: 'a'.repeat(64),
  state: 'ready',
  inFlight: 0,
  capacity: 100,
  limit: 10,
  latencyMs: 10,
  batchMax: 1,
  served: 0,
  failed: 0,
  epoch: 1,
} as const;

function entry() {
  const replica = new ReplicaEntry(
    'a',
    'a',
    'east',
    report.version,
    1,
    new Breakers(new FakeClock(), seededRandom(1)),
  );
  replica.report(report, true, 0);
  const begin = (nowMs: number) => {
    const flight = replica.begin(0, nowMs, () => undefined);
    if (!flight) throw new Error('the breaker is open');
    return flight;
  };
  return { replica, begin };
}

test('the limit that a replica tells is kept, and follows what it tells next', () => {
  const { replica } = entry();
  expect(replica.limit).toBe(10);
  replica.hint(2);
  expect(replica.limit).toBe(2);
  replica.hint(4);
  expect(replica.limit).toBe(4);
});

test('refusals of requests that were out together cut our share once, and successes bring it back', () => {
  const { replica, begin } = entry();
  const flights = Array.from({ length: 10 }, () => begin(0));
  for (const flight of flights.slice(0, 4)) flight.end('full', 5, 40);
  const cut = replica.limit;
  expect(cut).toBeGreaterThanOrEqual(6);
  expect(cut).toBeLessThan(10);
  for (const flight of flights.slice(4)) flight.end('succeeded', 20);
  for (let i = 0; i < 60; i++) begin(20 + i).end('succeeded', 30 + i);
  expect(replica.limit).toBe(10);
});

test('a replica that is full of requests of others is left alone for half of the time that it names', () => {
  const { replica, begin } = entry();
  begin(0).end('full', 5, 40);
  expect(replica.fullUntilMs).toBe(25);
  const [first, second] = [begin(30), begin(30)];
  first.end('full', 35, 400);
  expect(replica.fullUntilMs).toBe(25);
  second.end('succeeded', 50);
});
