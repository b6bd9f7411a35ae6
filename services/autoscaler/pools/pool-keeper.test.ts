// Pools that misbehave: the keeper says so, waits longer each time, and never runs away.
import { expect, test } from 'vitest';
import { FakeClock } from '../../mesh/testing/fake-clock.js';
import { silentLog } from '../../mesh/log.js';
import type { Beat } from '../load-book.js';
import type { ComputePool } from './compute-pool.js';
import { PoolKeeper } from './pool-keeper.js';

/** A pool with knobs. */
class Pool implements ComputePool {
  readonly shape = {
    name: 'lab',
    kind: 'webhook',
    region: 'east',
    device: { kind: 'cpu' },
    nodesMax: 3,
  } as const;
  readonly asked: string[] = [];
  readonly released: string[] = [];
  readonly live = new Set<string>();
  trouble: 'none' | 'refuses' | 'hangs' = 'none';

  async nodes(): Promise<readonly string[]> {
    if (this.trouble === 'hangs') await new Promise(() => undefined);
    return [...this.live];
  }
  grow(name: string): Promise<void> {
    this.asked.push(name);
    if (this.trouble === 'refuses') return Promise.reject(new Error('no machine is free'));
    this.live.add(name);
    return Promise.resolve();
  }
  release(name: string): Promise<void> {
    this.released.push(name);
    this.live.delete(name);
    return Promise.resolve();
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}

function keep(pool: Pool, wanted: number | undefined) {
  const clock = new FakeClock();
  const beats: Beat[] = [];
  const over = new AbortController();
  const keeper = new PoolKeeper({
    pool,
    // Nothing is sent away in these tests.
    bus: undefined as never,
    shards: () => beats,
    wanted: () => wanted,
    clock,
    log: silentLog,
  });
  const done = keeper.run(7, over.signal);
  return { clock, beats, end: () => (over.abort(), done) };
}

test('it asks for nothing while it does not know what is wanted', async () => {
  const pool = new Pool();
  const { clock, end } = keep(pool, undefined);
  await clock.advance(10_000);
  await end();
  expect(pool.asked).toEqual([]);
});

test('names carry the epoch, and a node that is on its way is not asked for twice', async () => {
  const pool = new Pool();
  const { clock, end } = keep(pool, 2);
  await clock.advance(10_000);
  await end();
  expect(pool.asked).toEqual(['pool-east-7-1', 'pool-east-7-2']);
});

test('a pool that refuses is asked ever more seldom', async () => {
  const pool = new Pool();
  pool.trouble = 'refuses';
  const { clock, end } = keep(pool, 1);
  await clock.advance(60_000);
  await end();
  expect(pool.asked.length).toBeGreaterThan(2);
  expect(pool.asked.length).toBeLessThan(8);
});

test('a pool that lies about its nodes gets them back, and is not asked for more at once', async () => {
  const pool = new Pool();
  const { clock, end } = keep(pool, 1);
  await clock.advance(121_000);
  await end();
  expect(pool.released).toEqual(['pool-east-7-1']);
  expect(pool.asked.length).toBe(1);
});

test('a pool that does not answer holds up nobody for ever, and changes nothing', async () => {
  const pool = new Pool();
  pool.trouble = 'hangs';
  const { clock, end } = keep(pool, 3);
  await clock.advance(20_000);
  pool.trouble = 'none';
  await clock.advance(30_000);
  await end();
  expect(pool.asked.length).toBe(3);
});
