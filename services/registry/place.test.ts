import { expect, test } from 'vitest';
import type { EndpointRecord } from '../../contracts/registry.js';
import type { Placements, ShardView } from '../mesh/placement/shard-view.js';
import { place } from './place.js';
import { anEndpoint, digestOf } from './testing/records.js';

const shard = (id: string, more: Partial<ShardView> = {}): ShardView => ({
  id,
  region: id.split('-')[0] ?? '',
  state: 'open',
  ready: new Set(),
  ...more,
});
const shards = (...ids: string[]) => ids.map((id) => shard(id));
const many = (region: string, count: number) =>
  shards(...Array.from({ length: count }, (_, i) => `${region}-${i}`));
const endpoints = (count: number, replicas = 1) =>
  Array.from({ length: count }, (_, i) => anEndpoint(`model-${i}`, { v1: 10_000 }, replicas));
const holders = (placements: Placements, version: string) =>
  [...placements].filter(([, held]) => held.some((placed) => placed.version === version)).map(([id]) => id);
const counts = (placements: Placements) => [...placements.values()].map((held) => held.length);
const moves = (before: Placements, after: Placements) =>
  [...after].flatMap(([id, held]) =>
    held.filter((placed) => !before.get(id)?.some((was) => was.version === placed.version)),
  ).length;
const nothing: Placements = new Map();

test('every region gets as many replicas of a version as the endpoint says, on different shards', () => {
  const { placements, unplaced } = place(endpoints(1, 2), [...many('east', 4), ...many('west', 3)], nothing);
  const held = holders(placements, digestOf('model-0 v1'));
  expect(held.filter((id) => id.startsWith('east'))).toHaveLength(2);
  expect(held.filter((id) => id.startsWith('west'))).toHaveLength(2);
  expect(unplaced).toEqual([]);
});

test('a region with fewer shards than replicas gets one on each', () => {
  const { placements, unplaced } = place(endpoints(1, 3), shards('east-0', 'east-1'), nothing);
  expect(counts(placements)).toEqual([1, 1]);
  expect(unplaced).toEqual([]);
});

test('the same inputs place the same, in any order', () => {
  const all = many('east', 5);
  const wanted = endpoints(9, 2);
  expect(place(wanted.toReversed(), all.toReversed(), nothing).placements).toEqual(
    place(wanted, all, nothing).placements,
  );
});

test('versions are spread evenly', () => {
  const { placements } = place(endpoints(100), many('east', 5), nothing);
  expect(Math.max(...counts(placements))).toBe(20);
  const few = place(endpoints(2), many('east', 2), nothing);
  expect(counts(few.placements)).toEqual([1, 1]);
});

test('a lost shard moves what lay on it and nothing else', () => {
  const all = many('east', 5);
  const wanted = endpoints(100, 2);
  const before = place(wanted, all, nothing).placements;
  const gone = all.map((one, i) => (i === 0 ? { ...one, state: 'gone' as const } : one));
  const after = place(wanted, gone, before).placements;
  expect(moves(before, after)).toBe(before.get('east-0')?.length);
  expect(after.get('east-0')).toEqual([]);
});

test('a new shard moves nothing', () => {
  const wanted = endpoints(20, 2);
  const before = place(wanted, many('east', 3), nothing).placements;
  const after = place(wanted, many('east', 4), before).placements;
  expect(moves(before, after)).toBe(0);
  expect(after.get('east-3')).toEqual([]);
});

test('a shard that comes back with its versions gives up what another one serves by now', () => {
  const wanted = endpoints(1);
  const before: Placements = new Map([
    ['east-0', [{ model: 'model-0', version: digestOf('model-0 v1') }]],
    ['east-1', [{ model: 'model-0', version: digestOf('model-0 v1') }]],
  ]);
  for (const serving of ['east-0', 'east-1']) {
    const ready = new Set([digestOf('model-0 v1')]);
    const both = many('east', 2).map((one) => (one.id === serving ? { ...one, ready } : one));
    expect(holders(place(wanted, both, before).placements, digestOf('model-0 v1'))).toEqual([serving]);
  }
});

test('a version of weight 0 stays resident while it is a variant, and leaves with the endpoint', () => {
  const all = many('east', 2);
  const before = place([anEndpoint('ocr', { v1: 10_000 })], all, nothing).placements;
  const rolled = place([anEndpoint('ocr', { v1: 0, v2: 10_000 })], all, before).placements;
  expect(holders(rolled, digestOf('ocr v1'))).toEqual(holders(before, digestOf('ocr v1')));
  expect(holders(rolled, digestOf('ocr v2'))).toHaveLength(1);
  expect(counts(place([], all, rolled).placements)).toEqual([0, 0]);
});

test('two endpoints on one version share its replicas', () => {
  const two = [
    anEndpoint('ocr', { v1: 10_000 }, 1),
    { ...anEndpoint('ocr', { v1: 10_000 }, 2), name: 'other' },
  ];
  expect(holders(place(two, many('east', 4), nothing).placements, digestOf('ocr v1'))).toHaveLength(2);
});

test('a region without any live shard is left as it is: we may be the ones cut off', () => {
  const wanted = endpoints(3);
  const before = place(wanted, [...many('east', 2), ...many('west', 2)], nothing).placements;
  const cutOff = many('west', 2).map((one) => ({ ...one, state: 'gone' as const }));
  expect(place(wanted, many('east', 2), before).placements).toEqual(before);
  expect(place(wanted, [...many('east', 2), ...cutOff], before).placements).toEqual(before);
});

test('a draining shard keeps what it has until it is gone, and a replacement is placed at once', () => {
  const wanted = endpoints(1);
  const version = digestOf('model-0 v1');
  const before: Placements = new Map([['east-0', [{ model: 'model-0', version }]]]);
  const after = place(wanted, [shard('east-0', { state: 'draining' }), shard('east-1')], before);
  expect(holders(after.placements, version)).toEqual(['east-0', 'east-1']);
  const alone = place(wanted, [shard('east-0', { state: 'draining' })], before);
  expect(holders(alone.placements, version)).toEqual(['east-0']);
  expect(alone.unplaced).toEqual([]);
});

test('a version goes where there is memory for it, and where there is none the region is named', () => {
  const wanted = [anEndpoint('big', { v1: 10_000 })];
  const gib = 2 ** 30;
  const small = shard('east-0', { device: { kind: 'cpu', cores: 1, memoryBytes: 2 * gib } });
  const large = shard('east-1', { device: { kind: 'cpu', cores: 1, memoryBytes: 16 * gib } });
  const memoryOf = () => 2.5 * gib;
  expect(holders(place(wanted, [small, large], nothing, memoryOf).placements, digestOf('big v1'))).toEqual([
    'east-1',
  ]);
  expect(place(wanted, [small], nothing, memoryOf).unplaced).toMatchObject([
    { model: 'big', region: 'east' },
  ]);
});

const pooled = (id: string, pool: string) =>
  shard(id, { device: { kind: 'cpu', cores: 1, memoryBytes: 2 ** 34, pool } });
const placedBy = (placement: EndpointRecord['placement']) => ({
  ...anEndpoint('m', { v1: 10_000 }),
  ...(placement && { placement }),
});

test('a shard of a pool is left alone by endpoints without one, and holds those that have it', () => {
  const all = [pooled('east-0', 'gold'), shard('east-1')];
  const free = place([placedBy(undefined)], all, nothing).placements;
  expect(holders(free, digestOf('m v1'))).toEqual(['east-1']);
  const gold = place([placedBy({ policy: 'user', pool: 'gold' })], all, nothing).placements;
  expect(holders(gold, digestOf('m v1'))).toEqual(['east-0']);
});

test('an endpoint that is to run on GPUs lies on no processor', () => {
  const gpu = shard('east-9', { device: { kind: 'cuda:0', cores: 1, memoryBytes: 2 ** 34 } });
  const record = placedBy({ policy: 'user', devices: ['cuda'] });
  expect(holders(place([record], [...many('east', 5), gpu], nothing).placements, digestOf('m v1'))).toEqual([
    'east-9',
  ]);
  expect(counts(place([record], many('east', 5), nothing).placements)).toEqual([0, 0, 0, 0, 0]);
});

test('seats are filled first, and a seat without room adds no replica elsewhere, however often one looks', () => {
  const small = shard('east-0', { device: { kind: 'cpu', cores: 1, memoryBytes: 1_000 } });
  const all = [small, ...many('east', 4).slice(1)];
  const record = anEndpoint('m', { v1: 10_000 });
  const look = (current: Placements, seat: string) =>
    place([record], all, current, () => 1_000, {
      seatsOf: () => new Set([seat, ...holders(current, digestOf('m v1'))]),
    }).placements;
  const first = look(nothing, 'east-3');
  expect(holders(first, digestOf('m v1'))).toEqual(['east-3']);
  let current = first;
  for (let i = 0; i < 5; i++) current = look(current, 'east-0');
  expect(holders(current, digestOf('m v1'))).toEqual(['east-3']);
});

test('what the autoscaler says is a number that seats do not raise', () => {
  const { placements } = place([anEndpoint('m', { v1: 10_000 })], many('east', 4), nothing, undefined, {
    fixedOf: () => 1,
    seatsOf: () => new Set(['east-2', 'east-3']),
  });
  expect(holders(placements, digestOf('m v1'))).toHaveLength(1);
});

test('a look at those of which there was a word places them as a look at all would, and leaves all others', () => {
  const wanted = endpoints(60);
  const all = many('east', 3);
  const awakeAs = (awake: ReadonlySet<number>) => ({
    fixedOf: (endpoint: EndpointRecord) => (awake.has(wanted.indexOf(endpoint)) ? 1 : 0),
  });
  let awake = new Set(Array.from({ length: 30 }, (_, i) => i));
  let before = place(wanted, all, nothing, undefined, awakeAs(awake)).placements;
  for (let turn = 0; turn < 30; turn++) {
    const [goes, comes] = [turn, 30 + turn];
    awake = new Set([...awake, comes].filter((one) => one !== goes));
    const whole = place(wanted, all, before, undefined, awakeAs(awake)).placements;
    const those = [goes, comes].flatMap((one) => wanted[one] ?? []);
    const only = new Set(those.flatMap(({ variants }) => variants.map(({ version }) => version)));
    const after = place(those, all, before, undefined, { ...awakeAs(awake), only }).placements;
    for (const { id } of all)
      expect(new Set(after.get(id)?.map(({ version }) => version))).toEqual(
        new Set(whole.get(id)?.map(({ version }) => version)),
      );
    const untouched = all.filter(({ id }) => after.get(id) === before.get(id));
    expect(untouched.length).toBeGreaterThanOrEqual(1);
    before = after;
  }
});
