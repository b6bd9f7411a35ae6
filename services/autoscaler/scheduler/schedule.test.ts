// Properties of the schedule over random states, and the cases that people will ask about. A failure prints its seed.
import { expect, test } from 'vitest';
import { seededRandom } from '../../mesh/random.js';
import { affordable } from './affordable.js';
import { TURN_MS } from './place-jobs.js';
import { schedule } from './schedule.js';
import type { JobDemand, PoolState, SchedulerState, ServingDemand } from './state.js';

const pool = (name: string, more: Partial<PoolState> = {}): PoolState => ({
  name,
  region: 'east',
  device: { kind: 'cpu', count: 1 },
  nodesMax: 4,
  pricePerHour: 1,
  startMs: undefined,
  open: true,
  shards: 0,
  takesJobs: true,
  ...more,
});
const demand = (endpoint: string, replicas: number, more: Partial<ServingDemand> = {}): ServingDemand => ({
  endpoint,
  region: 'east',
  replicas,
  tenant: 'unnamed',
  priority: 5,
  needs: {},
  ...more,
});
const job = (id: string, more: Partial<JobDemand> = {}): JobDemand => ({
  id,
  kind: 'train',
  tenant: 'a',
  priority: 5,
  needs: {},
  ranMs: 0,
  waitedMs: 0,
  ...more,
});
const plan = (more: Partial<SchedulerState>) =>
  schedule({ pools: [], fixed: [], serving: [], jobs: [], ...more });
const gpu = { kind: 'cuda', model: 'a100', count: 1, memoryBytes: 40e9 } as const;

test('the cheaper pool that satisfies kind, memory, model, region and start is preferred', () => {
  const pools = [
    pool('dear', { pricePerHour: 4, device: gpu }),
    pool('slow', { pricePerHour: 1, device: gpu, startMs: 90_000 }),
    pool('small', { pricePerHour: 0.5, device: { kind: 'cuda', model: 't4', count: 1, memoryBytes: 16e9 } }),
    pool('far', { pricePerHour: 0.1, device: gpu, region: 'west' }),
    pool('plain', { pricePerHour: 0.2 }),
  ];
  const where = (more: Partial<ServingDemand>) => {
    const { shards } = plan({ pools, serving: [demand('e', 1, more)] });
    return Object.entries(shards).flatMap(([name, count]) => (count > 0 ? [name] : []));
  };
  expect(where({})).toEqual(['plain']);
  expect(where({ needs: { kind: 'cuda' } })).toEqual(['small']);
  expect(where({ needs: { models: ['a100'] } })).toEqual(['slow']);
  expect(where({ needs: { memoryBytes: 20e9 } })).toEqual(['slow']);
  expect(where({ needs: { models: ['a100'] }, startMsMax: 10_000 })).toEqual(['dear']);
});

test('shards that are there count first, and two endpoints share the nodes that both can use', () => {
  const fixed = [{ region: 'east', device: { kind: 'cpu', count: 1 } as const }];
  const made = plan({ pools: [pool('p')], fixed, serving: [demand('x', 3), demand('y', 2)] });
  expect(made.shards).toEqual({ p: 2 });
});

test('a pool in trouble keeps what it has, and the next one helps out', () => {
  const pools = [
    pool('cheap', { open: false, shards: 1 }),
    pool('dear', { pricePerHour: 9, takesJobs: false }),
  ];
  expect(plan({ pools, serving: [demand('e', 3)] }).shards).toEqual({ cheap: 1, dear: 2 });
});

test('neither the budget of an endpoint nor that of all pools is exceeded, and the sentence says which', () => {
  const pools = [pool('cheap', { nodesMax: 2 }), pool('dear', { pricePerHour: 3 })];
  const own = plan({ pools, serving: [demand('e', 6, { budgetPerHour: 5 })] });
  expect(own.shards).toEqual({ cheap: 2, dear: 1 });
  expect(own.short).toMatchObject([{ endpoint: 'e', missing: 3, why: expect.stringContaining('5 an hour') }]);
  const all = plan({ pools, serving: [demand('e', 6)], budgetPerHour: 4.5 });
  expect(all).toMatchObject({ shards: { cheap: 2, dear: 0 }, perHour: 2 });
  expect(all.short[0]?.why).toContain('for all pools is spent');
  const ample = affordable(demand('e', 0), 5, { pools, fixed: [] });
  expect(ample.replicas).toBe(3);
});

test('a burst of serving takes the only node from a job, which waits and comes back', () => {
  const busy = { pools: [pool('p', { nodesMax: 1 })], jobs: [job('one', { pool: 'p', ranMs: 1_000 })] };
  const burst = plan({ ...busy, serving: [demand('e', 1)] });
  expect(burst.shards).toEqual({ p: 1 });
  expect(burst.preempted).toMatchObject([{ id: 'one', pool: 'p', why: 'e needs its node' }]);
  expect(burst.waiting).toMatchObject([{ id: 'one' }]);
  // The node still serves for a while after the burst: it is not free before it has gone.
  const lingers = plan({ pools: [pool('p', { nodesMax: 1, shards: 1 })], jobs: [job('one')] });
  expect(lingers.jobs).toEqual([]);
  expect(plan({ pools: [pool('p', { nodesMax: 1 })], jobs: [job('one')] }).jobs).toMatchObject([
    { id: 'one', pool: 'p' },
  ]);
});

test('a job gives way for money as well as for room, and to a smaller budget', () => {
  const pools = [pool('p', { nodesMax: 4 })];
  const jobs = [job('one', { pool: 'p' }), job('two', { pool: 'p' })];
  const burst = plan({ pools, jobs, serving: [demand('e', 1)], budgetPerHour: 2 });
  expect(burst).toMatchObject({ shards: { p: 1 }, perHour: 2 });
  expect(burst.preempted).toHaveLength(1);
  const less = plan({ pools, jobs, budgetPerHour: 1 });
  expect(less.preempted).toHaveLength(1);
  expect(less.perHour).toBe(1);
});

test('endpoints of higher priority have the node that two of them want', () => {
  const pools = [pool('p', { nodesMax: 1, device: gpu })];
  const needs = { kind: 'cuda' } as const;
  const west = { needs: { kind: 'cpu' } as const };
  const made = plan({
    pools,
    serving: [demand('low', 1, { ...west, priority: 1 }), demand('high', 1, { needs, priority: 8 })],
  });
  expect(made.shards).toEqual({ p: 1 });
  expect(made.short).toMatchObject([{ endpoint: 'low' }]);
});

test('what the paper has: shares of the dominant resource are made equal (Ghodsi et al. 2011)', () => {
  const pools = [
    pool('cpu', { nodesMax: 9, device: { kind: 'cpu', count: 1, memoryBytes: 2 } }),
    pool('gpu', { nodesMax: 9, device: { kind: 'cuda', count: 1, memoryBytes: 1 } }),
  ];
  const many = (tenant: string, kind: 'cpu' | 'cuda') =>
    Array.from({ length: 20 }, (_, n) => job(`${tenant}-${n}`, { tenant, needs: { kind } }));
  const { jobs } = plan({ pools, jobs: [...many('a', 'cpu'), ...many('b', 'cuda'), ...many('c', 'cpu')] });
  const count = (tenant: string) => jobs.filter(({ id }) => id.startsWith(`${tenant}-`)).length;
  expect([count('a'), count('b'), count('c')]).toEqual([5, 9, 4]);
});

// ---- properties ----------------------------------------------------------------------------------------------------------

const TENANTS = ['a', 'b', 'c'];

function someState(seed: number): SchedulerState {
  const random = seededRandom(seed);
  const pick = (n: number): number => Math.floor(random() * n);
  const pools = Array.from({ length: 1 + pick(3) }, (_, n) =>
    pool(`p${n}`, {
      nodesMax: pick(6),
      pricePerHour: pick(4),
      device: random() < 0.5 ? { kind: 'cpu', count: 1 } : gpu,
      open: random() < 0.9,
      shards: pick(2),
    }),
  );
  const needs = () => (random() < 0.3 ? ({ kind: 'cuda' } as const) : {});
  const free = pools.map(({ nodesMax, shards }) => nodesMax - shards);
  const jobs = Array.from({ length: pick(14) }, (_, n) => {
    const at = pick(pools.length * 2);
    const runs = (free[at] ?? 0) > 0;
    if (runs) free[at] = (free[at] ?? 0) - 1;
    return job(`job-${n}`, {
      tenant: TENANTS[pick(3)] ?? 'a',
      priority: pick(10),
      needs: runs ? {} : needs(),
      ...(runs ? { pool: `p${at}`, ranMs: pick(2) * TURN_MS } : { waitedMs: pick(3) * TURN_MS }),
    });
  });
  const serving = Array.from({ length: pick(4) }, (_, n) =>
    demand(`e${n}`, pick(5), { needs: needs(), priority: pick(10), tenant: TENANTS[pick(3)] ?? 'a' }),
  );
  return { pools, jobs, serving, fixed: [], ...(random() < 0.5 && { budgetPerHour: pick(12) }) };
}

test('of many states none is overbooked, over budget, forgetful or indecisive', () => {
  for (let seed = 0; seed < 1_500; seed++) {
    const state = someState(seed);
    const made = schedule(state);
    const at = (name: string) => made.jobs.filter((one) => one.pool === name).length;
    for (const { name, nodesMax } of state.pools)
      expect((made.shards[name] ?? 0) + at(name), `seed ${seed}`).toBeLessThanOrEqual(nodesMax);
    const cost = state.pools.reduce(
      (sum, { name, pricePerHour }) => sum + pricePerHour * ((made.shards[name] ?? 0) + at(name)),
      0,
    );
    expect(made.perHour, `seed ${seed}`).toBeCloseTo(cost);
    expect(cost, `seed ${seed}`).toBeLessThanOrEqual(state.budgetPerHour ?? Infinity);
    // Every job is placed or waits, once; what is preempted ran.
    const told = [...made.jobs, ...made.waiting].map(({ id }) => id).toSorted();
    expect(told, `seed ${seed}`).toEqual(state.jobs.map(({ id }) => id).toSorted());
    for (const { id, pool: from } of made.preempted)
      expect(state.jobs.find((one) => one.id === id)?.pool, `seed ${seed}`).toBe(from);
    // Nothing that serving could have of the jobs is kept from it.
    if (state.budgetPerHour === undefined)
      for (const { endpoint } of made.short) {
        const needs = state.serving.find((one) => one.endpoint === endpoint)?.needs;
        const held = state.pools.filter(
          ({ device, open, name }) => open && (!needs?.kind || device.kind === needs.kind) && at(name) > 0,
        );
        expect(held, `seed ${seed}`).toEqual([]);
      }
    expect(schedule(state), `seed ${seed}`).toEqual(made);
  }
});

/** Jobs of `a` that have a node which is of use to them. */
function useful(state: SchedulerState, truth: ReadonlyMap<string, JobDemand>): number {
  const pools = new Map(state.pools.map((one) => [one.name, one]));
  return schedule(state).jobs.filter(({ id, pool: name }) => {
    const real = truth.get(id);
    const device = pools.get(name)?.device;
    return real?.tenant === 'a' && device && (!real.needs.kind || real.needs.kind === device.kind);
  }).length;
}

/** Tenants whose jobs are of one kind each, as the paper has them. */
function honestJobs(random: () => number): JobDemand[] {
  const kinds = TENANTS.map(() => (random() < 0.5 ? 'cpu' : 'cuda') as 'cpu' | 'cuda');
  return Array.from({ length: 30 }, (_, n) =>
    job(`job-${n}`, {
      tenant: TENANTS[n % 3] ?? 'a',
      priority: Math.floor(random() * 10),
      needs: { kind: kinds[n % 3] ?? 'cpu' },
    }),
  );
}

test('no tenant gets more by lying about what it needs or how urgent it is, nor leaves others less than their part', () => {
  for (let seed = 0; seed < 1_000; seed++) {
    const random = seededRandom(seed);
    const nodesMax = () => 1 + Math.floor(random() * 8);
    const [cpu, cuda] = [nodesMax(), nodesMax()];
    const pools = [pool('cpu', { nodesMax: cpu }), pool('gpu', { nodesMax: cuda, device: gpu })];
    const jobs = honestJobs(random);
    const truth = new Map(jobs.map((one) => [one.id, one]));
    const honest = useful({ pools, jobs, serving: [], fixed: [] }, truth);
    const lied = jobs.map((one): JobDemand => {
      if (one.tenant !== 'a' || random() < 0.4) return one;
      const needs = random() < 0.3 ? {} : ({ kind: random() < 0.5 ? 'cpu' : 'cuda' } as const);
      return { ...one, priority: 9, needs };
    });
    const state = { pools, jobs: lied, serving: [], fixed: [] };
    expect(useful(state, truth), `seed ${seed}`).toBeLessThanOrEqual(honest);
    const placed = schedule(state).jobs.map(({ id }) => truth.get(id));
    for (const tenant of ['b', 'c']) {
      const mine = placed.filter((one) => one?.tenant === tenant);
      const there = jobs.find((one) => one.tenant === tenant)?.needs.kind === 'cpu' ? cpu : cuda;
      expect(mine.length, `seed ${seed}`).toBeGreaterThanOrEqual(Math.floor(there / TENANTS.length));
    }
  }
});

test('what a tenant calls urgent takes no node from another tenant', () => {
  for (let seed = 0; seed < 1_000; seed++) {
    const state = { ...someState(seed), serving: [] };
    const others = (one: SchedulerState) => {
      const mine = new Set(state.jobs.filter(({ tenant }) => tenant === 'a').map(({ id }) => id));
      return schedule(one).jobs.filter(({ id }) => !mine.has(id)).length;
    };
    const same = state.jobs.map((one): JobDemand => ({ ...one, needs: {}, waitedMs: 0 }));
    const urgent = same.map((one) => (one.tenant === 'a' ? { ...one, priority: 9 } : one));
    const before = others({ ...state, jobs: same });
    expect(others({ ...state, jobs: urgent }), `seed ${seed}`).toBeGreaterThanOrEqual(before);
  }
});

test('nobody starves: each of many jobs runs, beside a tenant that fills everything with urgent work for ever', () => {
  for (let seed = 0; seed < 10; seed++) {
    const random = seededRandom(seed);
    const pools = [pool('p', { nodesMax: 1 + Math.floor(random() * 3) })];
    const stepMs = 60_000;
    let jobs = Array.from({ length: 6 }, (_, n) =>
      job(`quiet-${n}`, { tenant: n % 2 ? 'b' : 'a', priority: n === 0 ? 0 : 5 }),
    );
    const waits = new Map(jobs.map(({ id }) => [id, true]));
    for (let step = 0; step < 600 && waits.size > 0; step++) {
      // Its jobs never end, and there is always one more; so there is of its own tenant, more urgent than the least.
      jobs.push(job(`greedy-${step}`, { tenant: 'greedy', priority: 9 }));
      if (step % 5 === 0) jobs.push(job(`urgent-${step}`, { tenant: 'a', priority: 9 }));
      const placed = new Map(plan({ pools, jobs }).jobs.map((one) => [one.id, one.pool]));
      jobs = jobs.flatMap((one): JobDemand[] => {
        const at = placed.get(one.id);
        const ran = one.ranMs + stepMs;
        if (at && !one.id.startsWith('greedy')) {
          waits.delete(one.id);
          return ran > 3 * stepMs ? [] : [{ ...one, pool: at, ranMs: ran, waitedMs: 0 }];
        }
        if (at) return [{ ...one, pool: at, ranMs: one.pool === at ? ran : 0, waitedMs: 0 }];
        const { pool: _gone, ...rest } = one;
        return [{ ...rest, ranMs: 0, waitedMs: one.waitedMs + stepMs }];
      });
      jobs = jobs.slice(-200);
    }
    expect([...waits.keys()], `seed ${seed}`).toEqual([]);
  }
});
