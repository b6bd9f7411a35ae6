import { expect, test } from 'vitest';
import { randomInstance } from '../../../bench/peers/placement-instances.js';
import { seededRandom } from '../random.js';
import { effortFor, marketOf } from './market.js';
import { settingOf } from './setting.js';

const sum = (values: Iterable<number>): number => [...values].reduce((all, value) => all + value, 0);

test('prices learnt from few choices, at which many ask for far less than there is, come down again', () => {
  // Of its first choices the cheapest cost three times what a plan does: nearly all want the same devices.
  const size = { regions: 5, shards: 20, endpoints: 100, fill: 0.45, heat: 0.78 };
  const setting = settingOf(randomInstance(seededRandom(19), size));
  const { offers, prices, chosen } = marketOf(setting, effortFor(setting));
  const bound = offers.cheapest(prices, new Int32Array(offers.endpoints)) - sum(prices);
  const cost = sum(chosen.map((choice) => choice.cost));
  expect(bound / cost).toBeGreaterThan(0.9);
  expect(bound / cost).toBeLessThanOrEqual(1);
});
