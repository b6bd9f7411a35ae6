import { expect, test } from 'vitest';
import type { VersionMove } from '../../../contracts/lifecycle.js';
import type { EndpointRecord } from '../../../contracts/registry.js';
import type { OrdersOn } from '../../mesh/trust/orders-on.js';
import { alsoWithout, isSilenced, lastGood, withStandIn } from './last-good.js';

const at = (minute: number): string => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();
const move = (to: VersionMove['to'], minute: number): VersionMove => ({
  to,
  at: at(minute),
  by: 'test',
  why: 'test',
});
const version = (label: string, state: VersionMove['to'], moves: VersionMove[]) => ({
  digest: label.repeat(64).slice(0, 64),
  label,
  state,
  moves,
});
const a = version('a', 'deprecated', [move('live', 1), move('deprecated', 5)]);
const b = version('b', 'deprecated', [move('live', 5), move('deprecated', 9)]);
const c = version('c', 'live', [move('live', 9)]);
const fresh = version('d', 'verified', [move('verified', 10)]);
const gone = version('e', 'archived', [move('live', 9), move('archived', 10)]);
const none: OrdersOn = { version: () => undefined, arm: () => undefined };

const endpoint: EndpointRecord = {
  name: 'm',
  model: 'm',
  variants: [{ version: c.digest, label: 'c', weight: 10_000, arm: 'main' }],
  salt: 's',
  assignment: 'request',
  replicasPerRegion: 1,
  timeoutMs: 1_000,
  release: { id: 'm-1', revision: 3 },
  updatedAt: at(9),
};

test('the last good version is the one that served last and is not withheld; one that never served is none', () => {
  const withheld = new Set([c.digest]);
  expect(lastGood([a, fresh, gone, c, b], (digest) => withheld.has(digest))).toEqual([b, a]);
});

test('the last good version takes the arm over with its share, its name and a new epoch', () => {
  const orders = alsoWithout(c.digest, none);
  expect(isSilenced(endpoint, none)).toBe(false);
  expect(isSilenced(endpoint, orders)).toBe(true);
  const next = withStandIn(endpoint, b, orders, Date.parse(at(11)));
  expect(next.variants).toEqual([{ version: b.digest, label: 'b', weight: 10_000, arm: 'main' }]);
  expect(next.epoch).toBe(1);
  expect(next.release).toBeUndefined();
  expect(isSilenced(next, orders)).toBe(false);
});
