// Pools that misbehave: the keeper says so, waits longer each time, and never runs away.
import { expect, test } from 'vitest';
import { FakeClock } from '../../mesh/testing/fake-clock.js';
import { silentLog } from '../../mesh/log.js';
import type { Beat } from '../load-book.js';
import type { ComputePool, PoolNode } from './compute-pool.js';
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
  readonly states = new Map<string, PoolNode['state']>();
  trouble: 'none' | 'refuses' | 'hangs' = 'none';

  async nodes(): Promise<readonly PoolNode[]> {
    if (this.trouble === 'hangs') await new Promise(() => undefined);
    return [...this.live].map((name) => ({ name, state: this.states.get(name) ?? 'there' }));
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

test('a node that waits in a queue for an hour is neither given back nor asked for again', async () => {
  const pool = new Pool();
  const { clock, end } = keep(pool, 1);
  await clock.advance(1_000);
  pool.states.set('pool-east-7-1', 'queued');
  await clock.advance(3_600_000);
  expect(pool.released).toEqual([]);
  // From now on it is on its way.
  pool.states.set('pool-east-7-1', 'there');
  await clock.advance(119_000);
  expect(pool.released).toEqual([]);
  await clock.advance(3_000);
  await end();
  expect(pool.released).toEqual(['pool-east-7-1']);
  expect(pool.asked).toEqual(['pool-east-7-1']);
});

test('a pool that dies in the middle of growing is asked for what is missing when it is back, and for no more', async () => {
  const pool = new Pool();
  const { clock, end } = keep(pool, 3);
  const grow = pool.grow.bind(pool);
  pool.grow = (name) => (pool.live.size === 1 ? Promise.reject(new Error('connection refused')) : grow(name));
  await clock.advance(1_500);
  expect([...pool.live]).toEqual(['pool-east-7-1']);
  pool.grow = grow;
  await clock.advance(60_000);
  await end();
  expect(pool.live.size).toBe(3);
});

test('a pool that says it has more nodes than it was asked for is not asked for more, and loses the strangers', async () => {
  const pool = new Pool();
  for (const name of ['pool-east-1-1', 'pool-east-1-2', 'pool-east-1-3', 'pool-east-1-4'])
    pool.live.add(name);
  const { clock, end } = keep(pool, 1);
  await clock.advance(119_000);
  await end();
  expect(pool.asked).toEqual([]);
  expect(pool.live.size).toBe(1);
});
