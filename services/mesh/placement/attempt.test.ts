import { afterAll, expect, test } from 'vitest';
import { PlacementProblem } from '../../../contracts/placement.js';
import { attempt } from './attempt.js';
import { Attempts } from './attempts.js';
import { type Choice, choiceOf, costOfAll } from './choice.js';
import { crossed } from './cross.js';
import { dividing } from './divide.js';
import { effortFor, marketOf } from './market.js';
import { settingOf } from './setting.js';
import { SolverThread } from './solver.js';

const GIB = 2 ** 30;
const thread = new SolverThread();
afterAll(() => thread.close());

/** East is dear and keeps 70 requests a second, west is near to nobody; every endpoint finds room in both. */
function busyHome(endpoints: number, ratePerS: number) {
  const setting = settingOf(
    PlacementProblem.parse({
      shards: ['east', 'west'].map((region) => ({
        id: region,
        region,
        pricePerHour: 1,
        memoryBytes: 100 * GIB,
      })),
      links: [{ between: ['east', 'west'], latencyMs: 100 }],
      endpoints: Array.from({ length: endpoints }, (_, i) => ({
        name: `e${i}`,
        memoryBytes: GIB,
        runs: { cpu: { serviceMs: 10, ratePerS: 100 } },
        groups: [{ name: 'users', home: 'east', ratePerS }],
      })),
    }),
  );
  return { setting, market: marketOf(setting, effortFor(setting)) };
}

const inBoth = ({ setting }: ReturnType<typeof busyHome>): Choice[] =>
  setting.endpoints.map(
    (one) =>
    choiceOf(one, { replicas: new Map([[0, 1], [1, 1]]), shares: [new Map([[0, 1]])] }), // prettier-ignore
  );

const limits = () => ({ looks: 20_000, warmth: 0.1 });

test('whose users are too many for the near devices is divided until those are just as busy as they may be', async () => {
  const all = busyHome(2, 50);
  const divided = await dividing(all.setting, inBoth(all), { movableRate: 0, overPrice: 100 }, thread);
  expect(divided?.overfull).toEqual([]);
  const east = divided?.chosen.reduce((sum, { shares }) => sum + 50 * (shares[0]?.get(0) ?? 0), 0);
  expect(east).toBeCloseTo(70, 3);
});

test('where no division is enough the centre is told of', async () => {
  const all = busyHome(2, 80);
  const divided = await dividing(all.setting, inBoth(all), { movableRate: 0, overPrice: 100 }, thread);
  expect(divided?.overfull).not.toEqual([]);
});

test('an attempt keeps to the time that devices have, and costs no more than what it began with', async () => {
  const { setting, market } = busyHome(9, 14);
  for (const narrow of [0.25, 1]) {
    const { plan } = await attempt(setting, market, limits, { narrow, dear: 1 }, thread);
    const east = plan.flatMap(({ uses }) => uses.filter(({ centre }) => centre === 0));
    expect(east.reduce((sum, { busy }) => sum + busy, 0)).toBeLessThanOrEqual(0.7 + 1e-6);
    expect(costOfAll(plan)).toBeLessThanOrEqual(costOfAll(market.chosen) + 1e-9);
  }
});

test('two plans that are each right about one endpoint are crossed to one that is right about both', async () => {
  const { setting } = busyHome(2, 5);
  const lying = (...centres: number[]): Choice[] =>
    setting.endpoints.map((one, e) => {
      const centre = centres[e] as number;
      return choiceOf(one, { replicas: new Map([[centre, 1]]), shares: [new Map([[centre, 1]])] });
    });
  const best = await crossed(setting, [lying(0, 1), lying(1, 0)], 0, 1, thread);
  expect(best.map(({ replicas }) => [...replicas.keys()])).toEqual([[0], [0]]);
});

test('attempts are made and crossed until the time is up, and whoever is called off is told so', async () => {
  const { setting, market } = busyHome(9, 14);
  const far = market.choices.map(
    (list) => list.find(({ uses }) => uses.length === 1 && uses[0]?.centre === 1) as Choice,
  );
  const attempts = new Attempts(setting, { ...market, chosen: far, bound: 0 }, thread, undefined);
  // Three of them, and something to cross.
  await attempts.until(performance.now() + 1_300);
  expect(attempts.plans.length).toBeGreaterThan(1);
  expect(costOfAll(attempts.best)).toBeLessThan(costOfAll(far));
  const calledOff = new Attempts(
    setting,
    { ...market, bound: 0 },
    thread,
    AbortSignal.abort(new Error('nobody waits')),
  );
  await expect(calledOff.until(performance.now() + 50)).rejects.toThrow('nobody waits');
});
