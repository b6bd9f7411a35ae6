import { expect, test } from 'vitest';
import { namedRecipe } from '../../../contracts/compression-recipes.js';
import type { RecipeTrial } from '../../../contracts/compress-report.js';
import { best, budgetOf, nearest, withPareto } from './choose.js';

const trial = (name: string, size: number, latency: number, drop: number, meets = true): RecipeTrial => ({
  name,
  recipe: namedRecipe('int8').recipe,
  size,
  latency,
  drop,
  pareto: false,
  meets,
});
const failed: RecipeTrial = {
  name: 'none',
  recipe: namedRecipe('int8').recipe,
  pareto: false,
  meets: false,
  why: 'no',
};

test('what another beats in everything is not on the front, what failed never is', () => {
  const found = withPareto([
    trial('a', 0.3, 0.5, 0),
    trial('b', 0.4, 0.6, 0.01),
    trial('c', 0.2, 0.9, 0),
    failed,
  ]);
  expect(found.filter(({ pareto }) => pareto).map(({ name }) => name)).toEqual(['a', 'c']);
});

test('the smallest and fastest of those that keep the budget is chosen; of none, nothing', () => {
  expect(best([trial('a', 0.3, 0.5, 0), trial('b', 0.2, 0.4, 0, false), failed])?.name).toBe('a');
  expect(best([trial('b', 0.2, 0.4, 0, false), failed])).toBeUndefined();
});

test('a refusal speaks of what came nearest', () => {
  const budget = { size: 0.25, latency: 0.5, drop: 0.005 };
  expect(nearest([trial('far', 0.9, 0.9, 0), trial('near', 0.26, 0.5, 0), failed], budget)?.name).toBe(
    'near',
  );
});

test('latency has to fall unless bytes alone were asked for', () => {
  const how = (target: { size?: number; latency?: number }) =>
    budgetOf({ kind: 'target', target: { drop: 0.005, budgetMs: 1_000, ...target } });
  expect(how({}).latency).toBe(0.97);
  expect(how({ size: 0.5 })).toEqual({ size: 0.5, latency: 10, drop: 0.005 });
  expect(how({ size: 0.5, latency: 0.8 }).latency).toBe(0.8);
});
