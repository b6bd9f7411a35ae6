import { expect, test } from 'vitest';
import { armOf, EndpointRecord } from '../../../contracts/registry.js';
import { chooseArm, type RoutedEndpoint } from './arm-choice.js';
import { bucketOf, variantOf } from '../bucket.js';
import type { OrdersOn } from '../trust/orders-on.js';
import { underOrders } from './orders-applied.js';

const V1 = '1'.repeat(64);
const V2 = '2'.repeat(64);
const record = (...weights: [number, number, number]): EndpointRecord =>
  EndpointRecord.parse({
    name: 'ocr',
    model: 'ocr',
    variants: [
      { version: V1, label: 'v1', weight: weights[0], arm: 'stable' },
      { version: V1, label: 'v1', weight: weights[1], arm: 'baseline' },
      { version: V2, label: 'v2', weight: weights[2], arm: 'canary' },
    ],
    salt: 's',
    assignment: 'user',
    replicasPerRegion: 1,
    timeoutMs: 1_000,
    updatedAt: '2026-01-01T00:00:00Z',
  });
const none: OrdersOn = { version: () => undefined, arm: () => undefined };
const emptied = (arm: string, fallback?: string): OrdersOn => ({
  ...none,
  arm: (_, name) => (name === arm ? { why: 'bad answers', fallback } : undefined),
});
const quarantined: OrdersOn = { ...none, version: (digest) => (digest === V2 ? 'poisoned' : undefined) };
const weights = ({ variants }: EndpointRecord) => variants.map(({ weight }) => weight);
const armOfUser = (endpoint: RoutedEndpoint, user: string) =>
  armOf(variantOf(endpoint, bucketOf(endpoint.salt, user)));

test('without an order the record is the very same', () => {
  const plain = record(9_000, 500, 500);
  expect(underOrders(plain, none)).toBe(plain);
});

test('an emptied arm leaves its share to the others in proportion, or to the named fallback', () => {
  expect(weights(underOrders(record(6_000, 2_000, 2_000), emptied('canary')))).toEqual([7_500, 2_500, 0]);
  expect(weights(underOrders(record(6_000, 2_000, 2_000), emptied('canary', 'baseline')))).toEqual([
    6_000, 4_000, 0,
  ]);
  expect(weights(underOrders(record(3_333, 3_333, 3_334), emptied('canary')))).toEqual([5_000, 5_000, 0]);
});

test('only users of the withheld arm move', () => {
  const before = record(6_000, 2_000, 2_000);
  const after = underOrders(before, quarantined);
  for (let i = 0; i < 5_000; i++) {
    const was = armOfUser(before, `u${i}`);
    if (was !== 'canary') expect(armOfUser(after, `u${i}`)).toBe(was);
    else expect(armOfUser(after, `u${i}`)).not.toBe('canary');
  }
});

test('a quarantined version is refused by name, and an emptied arm is not', () => {
  const byName = (orders: OrdersOn) =>
    chooseArm(underOrders(record(9_000, 500, 500), orders), { version: 'v2' }, 'east', () => 0, undefined);
  expect(byName(quarantined)).toMatchObject({
    code: 'WITHHELD',
    message: expect.stringContaining('poisoned') as string,
  });
  expect(byName(emptied('canary'))).toMatchObject({ variant: { label: 'v2' } });
});

test('a rule that names a withheld arm is passed over', () => {
  const ruled = {
    ...record(9_000, 500, 500),
    rules: [{ name: 'testers', match: { users: ['ann'] }, arm: 'canary' }],
  };
  const ann = (orders: OrdersOn) =>
    chooseArm(underOrders(ruled, orders), { user: 'ann' }, 'east', () => 0, undefined);
  expect(ann(none)).toMatchObject({ rule: 'testers', variant: { arm: 'canary' } });
  expect(ann(emptied('canary'))).toMatchObject({ variant: { version: V1 } });
});

test('when no arm with a share is left the call is refused with a code, and a fallback of weight 0 saves it', () => {
  const all = record(0, 0, 10_000);
  const ask = (orders: OrdersOn) =>
    chooseArm(underOrders(all, orders), { user: 'u' }, 'east', () => 0, undefined);
  expect(ask(emptied('canary'))).toMatchObject({ code: 'WITHHELD' });
  expect(ask(emptied('canary', 'stable'))).toMatchObject({ variant: { arm: 'stable' } });
});
