import { expect, test } from 'vitest';
import { randomInstance } from '../../../bench/peers/placement-instances.js';
import { seededRandom } from '../random.js';
import { costOfAll } from './choice.js';
import { placeGreedily } from './greedy.js';
import { effortFor, marketOf } from './market.js';
import { settingOf } from './setting.js';

const size = { regions: 5, shards: 16, endpoints: 90, fill: 0.85, heat: 0.6 };
const setting = settingOf(randomInstance(seededRandom(7), size));

test('where the time is up before it begins a market is shorter of choices, and asks for no more than there is all the same', () => {
  const inTime = marketOf(setting, effortFor(setting));
  const late = marketOf(setting, effortFor(setting), () => 1);
  expect(late.offers.cost.length).toBeLessThan(inTime.offers.cost.length);
  for (const { offers, choices, chosen } of [inTime, late]) {
    const indices = chosen.map((choice, e) => (offers.first[e] ?? 0) + (choices[e] ?? []).indexOf(choice));
    for (const part of offers.used(Int32Array.from(indices))) expect(part).toBeLessThanOrEqual(1 + 1e-9);
  }
});

test('a plan at once lies on the shards, at no less than what its prices prove', () => {
  const { bound } = marketOf(setting, effortFor(setting));
  const { placed, unplaced, chosen, objective } = placeGreedily(setting);
  expect(placed.length + unplaced.length).toBe(setting.endpoints.length);
  expect(costOfAll(chosen)).toBeCloseTo(objective, 6);
  expect(objective).toBeGreaterThan(bound);
});
