import { afterAll, expect, test } from 'vitest';
import { planNow } from '../../services/mesh/placement/plan.js';
import { type Setting, settingOf } from '../../services/mesh/placement/setting.js';
import { SolverThread } from '../../services/mesh/placement/solver.js';
import { seededRandom } from '../../services/mesh/random.js';
import { boundProgramme } from './placement-bound.js';
import { narrowed } from './placement-decomposition.js';
import { afterwards, randomInstance } from './placement-instances.js';
import { relaxedPrices, type ScarcityPrices } from './placement-prices.js';

const thread = new SolverThread();
afterAll(() => thread.close());

const LIMITS = { seconds: 30, gap: 1e-7 };
const ABOVE = 1 + 1e-6;
const SEEDS = [1, 2, 3, 4, 5, 6];

/** Half of them with users that are somewhere already. */
function small(seed: number): Setting {
  const random = seededRandom(seed);
  const made = randomInstance(random, { regions: 3, shards: 6, endpoints: 7, fill: 0.85, heat: 0.7 });
  return settingOf(seed % 2 ? made : afterwards(made, planNow(made, 'intelligent'), random));
}

test.each(SEEDS)(
  'no bound is above the best there is, and the best there is never drops out (seed %i)',
  { timeout: 120_000 },
  async (seed) => {
    const setting = small(seed);
    const solved = await thread.solve(boundProgramme(setting), LIMITS);
    expect(solved?.quality).toBe('optimal');
    const optimum = solved?.objective ?? Number.NaN;
    const prices = (await relaxedPrices(setting)) as ScarcityPrices;
    const random = seededRandom(seed);
    const wrong: ScarcityPrices = {
      memory: prices.memory.map((price) => price * 2 * random()),
      busy: prices.busy.map((price) => price + 0.1 * random()),
      moved: 0.02 * random(),
    };
    for (const begin of [prices, wrong]) {
      const { bound, choices } = await narrowed(setting, begin, optimum * 1.01, 0.2);
      if (begin === prices) expect(bound).toBeGreaterThan(0);
      expect(bound).toBeLessThanOrEqual(optimum * ABOVE);
      const again = await thread.solve(boundProgramme(setting, choices), LIMITS);
      expect(again?.objective).toBeGreaterThan(optimum / ABOVE);
      expect(again?.objective).toBeLessThan(optimum * ABOVE);
    }
  },
);

test('nothing is below what is below the bound', { timeout: 60_000 }, async () => {
  const setting = small(1);
  const prices = (await relaxedPrices(setting)) as ScarcityPrices;
  const { bound } = await narrowed(setting, prices, 1e-3, 1);
  expect(bound).toBe(1e-3);
});
