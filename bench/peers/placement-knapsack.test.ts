import { expect, test } from 'vitest';
import { seededRandom } from '../../services/mesh/random.js';
import { packed } from './placement-knapsack.js';

/** By dynamic programming over whole sizes. */
function most(values: readonly number[], sizes: readonly number[], room: number): number {
  const best = new Float64Array(room + 1);
  for (const [i, size] of sizes.entries())
    for (let left = room; left >= size; left--)
      best[left] = Math.max(best[left] as number, (best[left - size] as number) + (values[i] as number));
  return best[room] as number;
}

test.each([0, 0.01, 1])('the bound is never less than the most that fits (precision %d)', (precision) => {
  const random = seededRandom(7);
  for (let turn = 0; turn < 100; turn++) {
    const sizes = Array.from({ length: 30 }, () => 20 + Math.floor(random() * 80));
    const values = sizes.map((size) => size * (1 + 0.5 * random()));
    const room = 400 + Math.floor(random() * 400);
    const { bound, taken } = packed({ values, sizes, room }, precision);
    const best = most(values, sizes, room);
    const sum = (of: readonly number[]): number => taken.reduce((total, i) => total + (of[i] as number), 0);
    expect(bound).toBeGreaterThanOrEqual(best - 1e-9);
    expect(sum(sizes)).toBeLessThanOrEqual(room);
    expect(sum(values)).toBeLessThanOrEqual(best + 1e-9);
    if (precision === 1) expect(bound).toBeLessThanOrEqual(sum(values) + precision + 1e-9);
  }
});
