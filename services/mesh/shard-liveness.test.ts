import { expect, test } from 'vitest';
import type { InstancesChanged, ServiceInstance } from './discovery.js';
import { shardLiveness } from './shard-liveness.js';

const instance = (name: string, region: string, passing = true): ServiceInstance => ({
  id: `${name}.shard`,
  service: 'shard',
  region,
  tags: [],
  meta: { instance: name },
  passing,
});

function watched(regions: readonly string[]) {
  let say: InstancesChanged = () => undefined;
  const isAlive = shardLiveness(
    { watchEverywhere: (_service, _regions, changed) => void (say = changed) },
    regions,
    new AbortController().signal,
  );
  return { isAlive, say: (...instances: ServiceInstance[]) => say(instances) };
}

test('before Consul has said anything nobody is called dead', () => {
  expect(watched(['east']).isAlive('shard-east-1')).toBeUndefined();
});

test('who passes is alive; who does not, or is gone, is dead', () => {
  const { isAlive, say } = watched(['east']);
  say(instance('shard-east-1', 'east'), instance('shard-east-2', 'east', false));
  expect(['shard-east-1', 'shard-east-2', 'shard-east-3'].map(isAlive)).toEqual([true, false, false]);
  say();
  expect(isAlive('shard-east-1')).toBe(false);
});

test('while a region has not been heard of, its shards are not called dead', () => {
  const { isAlive, say } = watched(['east', 'west']);
  say(instance('shard-east-1', 'east'));
  expect(['shard-east-1', 'shard-west-1'].map(isAlive)).toEqual([true, undefined]);
});
