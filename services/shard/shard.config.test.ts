import { expect, test } from 'vitest';
import { readShardConfig } from './shard.config.js';

test('a shard runs on the processors of its machine, unless it is told otherwise', () => {
  const { device } = readShardConfig({});
  expect(device).toMatchObject({ kind: 'cpu', providers: ['cpu'] });
  expect(Object.keys(device).toSorted()).toEqual(['cores', 'kind', 'memoryBytes', 'providers']);
  const env = {
    MASSIF_SHARD_DEVICE: 'cuda:1',
    MASSIF_SHARD_MEMORY_MIB: '16384',
    MASSIF_SHARD_CORES: '4',
    MASSIF_SHARD_ZONE: 'b',
    MASSIF_SHARD_POOL: 'gold',
    MASSIF_SHARD_PRICE: '1.2',
    MASSIF_SHARD_SPEED: '2',
  };
  expect(readShardConfig(env).device).toEqual({
    kind: 'cuda:1',
    cores: 4,
    memoryBytes: 2 ** 34,
    providers: ['cuda', 'cpu'],
    zone: 'b',
    pool: 'gold',
    pricePerHour: 1.2,
    speed: 2,
  });
});

test('a bad device is refused by the name of its variable', () => {
  expect(() => readShardConfig({ MASSIF_SHARD_DEVICE: 'gpu' })).toThrow(
    'MASSIF_SHARD_DEVICE must be cpu or cuda:N',
  );
  expect(() => readShardConfig({ MASSIF_SHARD_DEVICE: 'cuda:0' })).toThrow('MASSIF_SHARD_MEMORY_MIB');
  for (const bad of ['0', 'NaN', '-1', 'fast'])
    expect(() => readShardConfig({ MASSIF_SHARD_SPEED: bad })).toThrow('MASSIF_SHARD_SPEED');
});
