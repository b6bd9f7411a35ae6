// Pools that misbehave: the keeper says so, waits longer each time, and never runs away.
import { expect, test } from 'vitest';
import { FakeClock } from '../../mesh/testing/fake-clock.js';
import { silentLog } from '../../mesh/log.js';
import type { Beat } from '../load-book.js';
import type { ComputePool, PoolNode } from './compute-pool.js';
import { PoolKeeper, type PoolPlan } from './pool-keeper.js';

/** A pool with knobs. */
class Pool implements ComputePool {
  readonly shape = {
    name: 'lab',
    kind: 'webhook',
    region: 'east',
    device: { kind: 'cpu', count: 1 },
    nodesMax: 3,
    pricePerHour: 2,
    takesJobs: true,
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

function keep(pool: Pool, wanted: number | undefined, jobs: PoolPlan['jobs'] = [], budget = Infinity) {
  const clock = new FakeClock();
  const beats: Beat[] = [];
  const over = new AbortController();
  const plan = { jobs };
  const keeper = new PoolKeeper({
    pool,
    // Nothing is sent away in these tests.
    bus: undefined as never,
    shards: () => beats,
    plan: () => (wanted === undefined ? undefined : { shards: wanted, jobs: plan.jobs }),
    affords: (price) => pool.live.size * price + price <= budget,
    clock,
    log: silentLog,
  });
  const done = keeper.run(7, over.signal);
  return { clock, beats, plan, keeper, end: () => (over.abort(), done) };
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
  expect(pool.asked).toEqual(['pool-east-lab-7-1', 'pool-east-lab-7-2']);
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
  expect(pool.released).toEqual(['pool-east-lab-7-1']);
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
  pool.states.set('pool-east-lab-7-1', 'queued');
  await clock.advance(3_600_000);
  expect(pool.released).toEqual([]);
  // From now on it is on its way.
  pool.states.set('pool-east-lab-7-1', 'there');
  await clock.advance(119_000);
  expect(pool.released).toEqual([]);
  await clock.advance(3_000);
  await end();
  expect(pool.released).toEqual(['pool-east-lab-7-1']);
  expect(pool.asked).toEqual(['pool-east-lab-7-1']);
});

test('a pool that dies in the middle of growing is asked for what is missing when it is back, and for no more', async () => {
  const pool = new Pool();
  const { clock, end } = keep(pool, 3);
  const grow = pool.grow.bind(pool);
  pool.grow = (name) => (pool.live.size === 1 ? Promise.reject(new Error('connection refused')) : grow(name));
  await clock.advance(1_500);
  expect([...pool.live]).toEqual(['pool-east-lab-7-1']);
  pool.grow = grow;
  await clock.advance(60_000);
  await end();
  expect(pool.live.size).toBe(3);
});

test('a pool that says it has more nodes than it was asked for is not asked for more, and loses the strangers', async () => {
  const pool = new Pool();
  for (const name of ['pool-east-lab-1-1', 'pool-east-lab-1-2', 'pool-east-lab-1-3', 'pool-east-lab-1-4'])
    pool.live.add(name);
  const { clock, end } = keep(pool, 1);
  await clock.advance(119_000);
  await end();
  expect(pool.asked).toEqual([]);
  expect(pool.live.size).toBe(1);
});

test('a job has one node, which is asked to leave when the plan has it no more; its place is free when it has gone', async () => {
  const pool = new Pool();
  const job = { id: 'job-1234', kind: 'train', begun: true } as const;
  const { clock, plan, keeper, end } = keep(pool, 3, [job]);
  await clock.advance(3_000);
  expect([...pool.live].toSorted()).toEqual(['job-lab-job-1234', 'pool-east-lab-7-1', 'pool-east-lab-7-2']);
  expect(keeper.sight()?.jobs).toEqual(['job-1234']);
  let gone = (): void => undefined;
  const release = pool.release.bind(pool);
  pool.release = (name) => new Promise((resolve) => (gone = () => void release(name).then(resolve)));
  plan.jobs = [];
  await clock.advance(2_000);
  // It saves: its node is not given away before it has ended.
  expect(pool.live.size).toBe(3);
  expect(keeper.sight()?.jobs).toEqual([]);
  gone();
  await clock.advance(2_000);
  await end();
  expect(pool.live).toEqual(new Set(['pool-east-lab-7-1', 'pool-east-lab-7-2', 'pool-east-lab-7-3']));
});

test('a node whose job nobody ever begins is given back', async () => {
  const pool = new Pool();
  const { clock, end } = keep(pool, 0, [{ id: 'job-1234', kind: 'train', begun: false }]);
  await clock.advance(121_000);
  await end();
  expect(pool.released).toEqual(['job-lab-job-1234']);
});

test('no node is asked for that the budget does not pay for, whatever the plan says', async () => {
  const pool = new Pool();
  const { clock, end } = keep(pool, 3, [], 4);
  await clock.advance(10_000);
  await end();
  expect(pool.live.size).toBe(2);
});

test('after a refusal it is closed for a while, with the reason, and opens again', async () => {
  const pool = new Pool();
  pool.trouble = 'refuses';
  const { clock, keeper, end } = keep(pool, 1);
  await clock.advance(1_000);
  expect(keeper.sight()).toMatchObject({ open: false, trouble: 'no machine is free' });
  pool.trouble = 'none';
  await clock.advance(5_000);
  expect(keeper.sight()?.open).toBe(true);
  await end();
});
