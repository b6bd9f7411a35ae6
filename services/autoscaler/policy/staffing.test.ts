import { expect, test } from 'vitest';
import { queueExceeded, serversFor, slowShare, waitingShare } from './staffing.js';

test('the share that waits is that of Erlang’s tables', () => {
  // One server: everybody waits who comes while it is busy. Two: 2 a^2 / (2 + 2 a + a^2) / (2 - a) for a = 1 is a third.
  expect(waitingShare(1, 0.3)).toBeCloseTo(0.3, 12);
  expect(waitingShare(2, 1)).toBeCloseTo(1 / 3, 12);
  expect(waitingShare(10, 8)).toBeCloseTo(0.4092, 4);
});

test('with less service than is offered everybody waits and everybody is slow', () => {
  expect(waitingShare(2, 2)).toBe(1);
  expect(slowShare(2, 2.5, 0.5, 5)).toBe(1);
  expect(queueExceeded(2, 2, 100)).toBe(Infinity);
});

test('the servers asked for keep the share, and one fewer would not', () => {
  for (const erlangs of [0.1, 1, 8, 100]) {
    const servers = serversFor(erlangs, 0.7, 5, 0.01);
    expect(slowShare(servers, erlangs, 0.7, 5)).toBeLessThanOrEqual(0.01);
    if (servers > 1) expect(slowShare(servers - 1, erlangs, 0.7, 5)).toBeGreaterThan(0.01);
  }
});

test('a large load needs less room in proportion than a small one', () => {
  const room = (erlangs: number) => serversFor(erlangs, 0.7, 5, 0.01) / erlangs;
  expect(room(100)).toBeLessThan(room(8));
  expect(room(8)).toBeLessThan(room(1));
});
