import { expect, test } from 'vitest';
import { keys } from '../../contracts/buckets.js';
import { ScalingPolicy } from '../../contracts/scaling.js';
import { silentLog } from '../mesh/log.js';
import { LoadBook } from './load-book.js';
import { ScaledEndpoints } from './scaled-endpoints.js';
import { Sleepers } from './sleepers.js';
import type { Scaled } from './sleepy.js';
import { WantedState } from './wanted-state.js';

const endpoint = (name: string): Scaled => ({
  name,
  model: name,
  variants: [{ version: '1'.repeat(64), label: '1', weight: 1 }],
  salt: 'salt',
  assignment: 'user',
  replicasPerRegion: 1,
  timeoutMs: 1_000,
  scaling: ScalingPolicy.parse({ minReplicas: 0, initialReplicas: 0 }),
  updatedAt: '2026-11-26T00:00:00Z',
});

/** A region of one shard with so much memory; what is written counts at once. */
function region(residentsMax: number, memoryBytes = 1e12) {
  const book = new LoadBook();
  const endpoints = new ScaledEndpoints();
  const state = new WantedState(silentLog);
  const sleepers = new Sleepers({ book, state, endpoints, memoryOf: () => 1e6, residentsMax });
  let revision = 0;
  const want = (name: string, replicas: number): void =>
    state.apply({
      key: keys.wanted(name),
      value: { endpoint: name, epoch: 1, regions: { east: replicas } },
      revision: ++revision,
    });
  const now = (atMs: number) => ({ atMs, wallMs: atMs });
  return {
    wakes(name: string, atMs: number): void {
      const one = endpoint(name);
      endpoints.put(one);
      want(name, 1);
      const load = book.sums(atMs).load(name, [], 'east');
      for (const seenMs of [atMs - 10_000, atMs])
        sleepers.looked(one, 'east', 1, { load, current: 1, startMs: 100 }, now(seenMs));
    },
    /** Who is put to sleep. */
    async arrange(atMs: number): Promise<string[]> {
      const device = { kind: 'cpu', cores: 2, memoryBytes };
      book.heard({ shard: 's', region: 'east', pid: 1, state: 'ready', device, replicas: [] }, atMs);
      const asleep: string[] = [];
      await sleepers.arrange(now(atMs), ({ name }, { east = 1 }) => {
        want(name, east);
        if (east === 0) asleep.push(name);
        return Promise.resolve();
      });
      return asleep;
    },
  };
}

test('those that are more than may be awake leave together, once a second', async () => {
  const east = region(2);
  for (const name of ['a', 'b', 'c', 'd']) east.wakes(name, 20_000);
  expect(await east.arrange(20_000)).toHaveLength(2);
  for (const name of ['e', 'f']) east.wakes(name, 20_100);
  for (const atMs of [20_250, 20_500, 20_750]) expect(await east.arrange(atMs)).toEqual([]);
  expect(await east.arrange(21_000)).toHaveLength(2);
});

test('where memory is short they leave at once', async () => {
  const east = region(1_000, 3e6);
  for (const name of ['a', 'b']) east.wakes(name, 20_000);
  expect(await east.arrange(20_000)).toEqual([]);
  east.wakes('c', 20_100);
  expect(await east.arrange(20_250)).toHaveLength(1);
});
