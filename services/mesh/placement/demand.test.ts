import { expect, test } from 'vitest';
import { Demand, DEMAND_WINDOW_MS } from './demand.js';

const report = (source: string, region: string, requests: number, epoch = 1) => ({
  source,
  region,
  endpoint: 'ocr',
  epoch,
  arms: [{ requests }],
});

function steady(demand: Demand, ratePerS: number, fromMs: number, toMs: number, before = 0): number {
  let requests = before;
  for (let at = fromMs; at <= toMs; at += 250) {
    requests += ratePerS / 4;
    demand.heard(report('router-1', 'east', requests), at);
  }
  return requests;
}

test('a steady rate is seen as it is, from the first seconds on', () => {
  const demand = new Demand();
  steady(demand, 40, 0, 10_000);
  expect(demand.ratePerS('ocr', 'east', 10_000)).toBeCloseTo(40, 0);
  expect(demand.ratePerS('ocr', 'west', 10_000)).toBe(0);
});

test('what a source counted before we listened is no burst, nor is one that starts again', () => {
  const demand = new Demand();
  demand.heard(report('router-1', 'east', 1_000_000), 0);
  demand.heard(report('router-1', 'east', 1_000_000), 10_000);
  demand.heard(report('router-2', 'east', 500_000), 20_000);
  expect(demand.ratePerS('ocr', 'east', 20_000)).toBe(0);
});

test('after a window without calls a third of the rate is left', () => {
  const demand = new Demand();
  steady(demand, 40, 0, 4 * DEMAND_WINDOW_MS);
  expect(demand.ratePerS('ocr', 'east', 5 * DEMAND_WINDOW_MS)).toBeCloseTo(40 * Math.exp(-1), 0);
});
