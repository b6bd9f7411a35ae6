import { expect, test } from 'vitest';
import type { EndpointRecord } from '../../../contracts/registry.js';
import { planNow } from './plan.js';
import { liveProblem, type LiveInputs } from './live-problem.js';
import type { ShardView } from './shard-view.js';
import { anEndpoint, digestOf } from '../../registry/testing/records.js';

const GIB = 2 ** 30;
const version = digestOf('ocr v1');
const shard = (id: string, device: Partial<ShardView['device']> = {}, itemMs?: number): ShardView => ({
  id,
  region: id.split('-')[0] ?? '',
  state: 'open',
  ready: new Set(),
  device: { kind: 'cpu', cores: 2, memoryBytes: 16 * GIB, ...device },
  ...(itemMs !== undefined && { itemMs: new Map([[version, itemMs]]) }),
});
const endpoint = (more: Partial<EndpointRecord> = {}): EndpointRecord => ({
  ...anEndpoint('ocr', { v1: 10_000 }),
  placement: { policy: 'intelligent' },
  ...more,
});
const problemOf = (more: Partial<LiveInputs>) => {
  const inputs = {
    endpoints: [endpoint()],
    shards: [shard('east-1')],
    current: new Map(),
    memoryOf: () => GIB,
    ratePerS: () => 1,
    shares: () => undefined,
    ...more,
  };
  return liveProblem(inputs);
};

test('what a shard says of its device reaches the planner: kind, zone, pool, price, speed', () => {
  const said = { kind: 'cuda:1', zone: 'b', pool: 'gold', pricePerHour: 1.5, speed: 2 };
  const problem = problemOf({ shards: [shard('east-1', said), shard('west-1')] });
  expect(problem?.shards[0]).toMatchObject({ device: 'cuda:1', zone: 'b', pool: 'gold', pricePerHour: 1.5 });
  expect(problem?.shards[0]?.speed).toBe(2);
  expect(problem?.shards[1]).toMatchObject({ device: 'cpu', pricePerHour: 1, speed: 1 });
});

test('each kind of device has the time that was measured on it, at speed 1', () => {
  const shards = [shard('east-1', {}, 40), shard('east-2', { kind: 'cuda:0', speed: 2 }, 3)];
  expect(problemOf({ shards })?.endpoints[0]?.runs).toEqual({
    cpu: { serviceMs: 40, ratePerS: 25 },
    cuda: { serviceMs: 6, ratePerS: 1_000 / 6 },
  });
});

test('memory that endpoints without this policy take is not offered', () => {
  const other = { model: 'big', version: digestOf('big v1') };
  const alone = problemOf({})?.shards[0]?.memoryBytes ?? 0;
  const beside = problemOf({ current: new Map([['east-1', [other]]]) })?.shards[0]?.memoryBytes ?? 0;
  expect(alone - beside).toBeCloseTo(GIB / 0.9, -3);
});

test('an endpoint lies where its plan has it, ready or not; where a shard of that is gone, where it lies', () => {
  const lying = { model: 'ocr', version };
  const holding = (seats: readonly string[] | undefined): string[] | undefined =>
    problemOf({
      shards: ['east-1', 'east-2', 'west-1'].map((id) => shard(id)),
      current: new Map([['east-1', [lying]]]),
      seats: () => seats,
    })
      ?.shards.filter(({ holds }) => holds.includes('ocr'))
      .map(({ id }) => id);
  expect(holding(undefined)).toEqual(['east-1']);
  expect(holding(['east-2', 'west-1'])).toEqual(['east-2', 'west-1']);
  expect(holding(['east-2', 'north-1'])).toEqual(['east-1']);
});

test('the tenants of a pool and the users of a pin have their replicas, where they may be', () => {
  const shards = [shard('east-1'), shard('east-2'), shard('west-1', { pool: 'gold' })];
  const record = endpoint({
    placement: { policy: 'intelligent', pools: { acme: 'gold' } },
    pins: { ada: 'east-2' },
  });
  const plan = planNow(problemOf({ shards, endpoints: [record] }) ?? expect.fail(), 'intelligent');
  expect(plan.unplaced).toEqual([]);
  expect(plan.endpoints[0]?.shards.toSorted()).toEqual(expect.arrayContaining(['east-2', 'west-1']));
});

test('a replica goes where devices are cheap and the link is short enough to be worth it', () => {
  const shards = [shard('east-1', { pricePerHour: 1 }), shard('west-1', { pricePerHour: 0.5 })];
  const at = (latencyMs: number) => {
    const problem = problemOf({
      shards,
      links: [{ between: ['east', 'west'], class: 'dedicated', latencyMs }],
      ratePerS: (_, region) => (region === 'east' ? 5 : 0),
    });
    return planNow(problem ?? expect.fail(), 'intelligent').endpoints[0]?.shards;
  };
  expect(at(1)).toEqual(['west-1']);
  expect(at(200)).toEqual(['east-1']);
});

test('a device class that nobody has is refused by name', () => {
  const record = endpoint({ placement: { policy: 'intelligent', devices: ['cuda'] } });
  const plan = planNow(problemOf({ endpoints: [record] }) ?? expect.fail(), 'intelligent');
  expect(plan.unplaced[0]).toMatchObject({ name: 'ocr', constraint: 'device' });
});

test('a model that is larger than any device is refused, with what helps', () => {
  const plan = planNow(problemOf({ memoryOf: () => 100 * GIB }) ?? expect.fail(), 'intelligent');
  expect(plan.unplaced[0]).toMatchObject({ name: 'ocr', constraint: 'memory' });
  expect(plan.unplaced[0]?.reason).toContain('split the model');
});
