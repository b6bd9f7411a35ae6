import { expect, test } from 'vitest';
import { ORDERS_MAX, type Order } from '../../../contracts/override.js';
import { signOrder, verifyOrder } from './order.js';
import { OrderBook } from './order-book.js';
import { newKeyPair, privateKeyOf } from './signing-key.js';
import { anOrder, ofVersion, operatorKey, orderPolicy, signed } from '../testing/orders.js';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const HOUR = 3_600_000;
const V = 'a'.repeat(64);
const order = (given: Partial<Order> = {}) => anOrder({ target: ofVersion(V), ...given }, NOW);
const at = (order: Order) => ({ order, person: 'ada' });
const check = (envelope: ReturnType<typeof signed>, given: { region?: string; nowMs?: number } = {}) =>
  verifyOrder(envelope, orderPolicy, { region: 'west', nowMs: NOW, ...given });

test('an order that an operator signed for this region counts', () => {
  const given = order();
  expect(check(signed(given))).toEqual({ order: given, person: 'ada' });
});

test('forged, changed, moved, ended and early orders are refused, each with a sentence', () => {
  const envelope = signed(order());
  const stranger = signOrder(order(), privateKeyOf(newKeyPair('operator').privateKeyPem));
  expect(() => check(stranger)).toThrow('No operator of trust policy 1');
  const posing = {
    ...stranger,
    signatures: [
      {
        ...stranger.signatures[0],
        sig: stranger.signatures[0]?.sig ?? '',
        keyid: envelope.signatures[0]?.keyid ?? '',
      },
    ],
  };
  expect(() => check(posing)).toThrow('does not match');
  const changed = { ...envelope, payload: signed(order({ reason: 'other' })).payload };
  expect(() => check(changed)).toThrow('does not match');
  expect(() => check(envelope, { region: 'east' })).toThrow('is for region west');
  expect(() => check(envelope, { nowMs: NOW + HOUR })).toThrow('ended at');
  expect(() => check(envelope, { nowMs: NOW - 31_000 })).toThrow('compare the clocks');
});

test('the key of an operator counts in its term and until it is revoked', () => {
  const [operator] = orderPolicy.operators ?? [];
  const withKey = (given: object) => ({
    ...orderPolicy,
    operators: [{ ...operator, ...given } as NonNullable<typeof operator>],
  });
  const as = (given: object) => () =>
    verifyOrder(signed(order()), withKey(given), { region: 'west', nowMs: NOW });
  expect(as({ revokedAt: '2025-01-01T00:00:00Z' })).toThrow('was revoked');
  expect(as({ notAfter: '2025-01-01T00:00:00Z' })).toThrow('counts from');
});

test('what makes no sense is not signed', () => {
  expect(() => signed(order({ action: 'weight-zero' }))).toThrow('weight-zero is for an arm');
  expect(() => signed(order({ expiresAt: new Date(NOW + 8 * 24 * HOUR).toISOString() }))).toThrow(
    'within 7 days',
  );
  expect(() => signOrder(order(), privateKeyOf(newKeyPair('publisher').privateKeyPem))).toThrow('Ed25519');
  expect(operatorKey.asymmetricKeyType).toBe('ed25519');
});

test('a newer order replaces an older one, and the older one that is played again is refused, lifted or ended', () => {
  const book = new OrderBook();
  const first = order();
  const lift = order({ action: 'lift' });
  expect(book.take(at(first), NOW)).toBe(true);
  expect(book.version(V)).toBe('quarantine in west: bad answers');
  expect(book.take(at(first), NOW)).toBe(false);
  expect(book.take(at(lift), NOW)).toBe(true);
  expect(book.version(V)).toBeUndefined();
  expect(() => book.take(at(first), NOW)).toThrow('older than one of');
  const short = order({ expiresAt: new Date(NOW + 1_000).toISOString() });
  book.take(at(short), NOW);
  book.settle(NOW + 2_000);
  expect(book.version(V)).toBeUndefined();
  expect(() => book.take(at(lift), NOW + 2_000)).toThrow('older than one of');
});

test('over regions the most restrictive counts, and lifting in one leaves the other', () => {
  const book = new OrderBook();
  const [west, east] = [order(), order({ region: 'east', action: 'kill' })];
  book.take(at(west), NOW);
  expect(book.kills(V)).toBe(false);
  book.take(at(east), NOW);
  expect(book.kills(V)).toBe(true);
  book.take(at(order({ region: 'east', action: 'lift' })), NOW);
  expect([book.version(V), book.kills(V)]).toEqual(['quarantine in west: bad answers', false]);
});

test('what a person took back is known as such, until it is ordered again', () => {
  const book = new OrderBook();
  book.take(at(order()), NOW);
  expect(book.lifted(V)).toBe(false);
  book.take(at(order({ action: 'lift' })), NOW);
  expect([book.lifted(V), book.lifted('b'.repeat(64))]).toEqual([true, false]);
  book.take(at(order({ action: 'kill' })), NOW);
  expect(book.lifted(V)).toBe(false);
});

test('an order ends by itself, and whoever listens hears of each change once', () => {
  const book = new OrderBook();
  let changes = 0;
  book.onChange(() => changes++);
  book.take(at(order()), NOW);
  book.settle(NOW + 1);
  expect(changes).toBe(1);
  book.settle(NOW + HOUR);
  expect([changes, book.version(V), book.inForce('west', NOW + HOUR)]).toEqual([2, undefined, []]);
});

test('a region has no more orders than there is room for', () => {
  const book = new OrderBook();
  const arm = (i: number) =>
    at(order({ target: { kind: 'arm', endpoint: 'ocr', arm: `a${i}` }, action: 'weight-zero' }));
  for (let i = 0; i < ORDERS_MAX; i++) book.take(arm(i), NOW);
  expect(() => book.take(arm(ORDERS_MAX), NOW)).toThrow('lift what is not needed');
});

test('what the trust policy revokes is withheld as long as the policy says so, and orders stay beside it', () => {
  const book = new OrderBook();
  const seen: string[] = [];
  book.onChange(() => seen.push(book.version('a'.repeat(64)) ?? 'nothing'));
  const revoked = [{ version: 'a'.repeat(64), reason: 'leaks' }];
  book.revoke(revoked, 0);
  book.revoke(revoked, 1);
  expect(book.kills('a'.repeat(64))).toBe(true);
  book.revoke([], 2);
  expect(seen).toEqual(['revoked by the trust policy: leaks', 'nothing']);
});
