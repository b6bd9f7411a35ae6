import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterEach, expect, test } from 'vitest';
import { PlacementProblem } from '../../../contracts/placement.js';
import { planNow } from './plan.js';
import { Planners } from './planners.js';

// A thread needs JavaScript: `npm test` builds before it tests.
const planner = new Planners(
  new URL('../../../dist/services/mesh/placement/planner-worker.js', import.meta.url),
);
afterEach(() => planner.close());

const GIB = 2 ** 30;
const problem = (count: number, pin?: string): PlacementProblem =>
  PlacementProblem.parse({
    shards: ['a', 'b', 'c', 'd'].map((id, i) => ({
      id,
      region: i < 2 ? 'east' : 'west',
      memoryBytes: count * GIB,
    })),
    endpoints: Array.from({ length: count }, (_, i) => ({
      name: `e${i}`,
      memoryBytes: (1 + (i % 3)) * GIB,
      runs: { cpu: { serviceMs: 10, ratePerS: 100 } },
      groups: [{ name: 'users', home: i % 2 ? 'east' : 'west', ratePerS: 1, ...(pin && { pin }) }],
    })),
  });

test('the thread answers what would be planned here, and the event loop goes on meanwhile', async () => {
  const small = problem(20);
  const [plan] = await planner.plan(small, 'intelligent');
  expect(plan?.endpoints).toEqual(planNow(small, 'intelligent').endpoints);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const [solved] = await planner.plan(problem(80), 'solved');
  delay.disable();
  expect(solved?.unplaced).toEqual([]);
  expect(delay.max / 1e6).toBeLessThan((solved?.tookMs ?? 0) / 2);
});

test('an answer at once does not wait behind one that is solved', async () => {
  await planner.plan(problem(3), 'intelligent');
  const order: string[] = [];
  const solving = planner.plan(problem(80), 'solved').then(() => order.push('solved'));
  await planner.plan(problem(20), 'intelligent');
  order.push('at once');
  await solving;
  expect(order).toEqual(['at once', 'solved']);
});

test('a refusal keeps its code on the way', async () => {
  await expect(planner.plan(problem(1, 'nowhere'), 'user')).rejects.toMatchObject({
    code: 'PLACEMENT_REFUSED',
    fields: { constraint: 'pin' },
  });
});

test('whoever is called off is told so at once, and the next question is answered', async () => {
  const calledOff = new AbortController();
  const planning = planner.plan(problem(150), 'all', calledOff.signal);
  calledOff.abort(new Error('nobody waits'));
  await expect(planning).rejects.toThrow('nobody waits');
  expect((await planner.plan(problem(3), 'all')).map(({ policy }) => policy)).toHaveLength(4);
});
