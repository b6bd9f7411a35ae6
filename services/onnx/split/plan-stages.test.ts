import { expect, test } from 'vitest';
import { equalLayers, planOf, planStages, planToFit } from './plan-stages.js';
import type { StageProblem } from './stage-problem.js';
import { seeded } from '../seeded.js';

const random = seeded(11);
const draw = (): number => Math.abs(random.normals(1, 1)[0] ?? 0);

function made(nodes: number, more: Partial<StageProblem> = {}): StageProblem {
  const names = Array.from({ length: nodes }, (_, i) => [`w${i % Math.ceil(nodes * 0.8)}`]);
  return {
    nodeMs: Array.from({ length: nodes }, draw),
    nodeWeights: names,
    weightBytes: new Map(names.flat().map((name) => [name, Math.ceil(100 * draw())])),
    cutBytes: Array.from({ length: nodes + 1 }, () => Math.ceil(1_000 * draw())),
    cuts: Array.from({ length: nodes - 1 }, (_, i) => i + 1),
    workBytes: 50,
    hopMs: 0.1,
    msPerByte: 0.0005,
    ...more,
  };
}

function* choices(cuts: readonly number[], count: number, from = 0): Generator<number[]> {
  if (count === 0) return yield [];
  for (let i = from; i < cuts.length; i++)
    for (const rest of choices(cuts, count - 1, i + 1)) yield [cuts[i] ?? 0, ...rest];
}

test('no split has a faster slowest stage, of all that send no more than equal layers and fit', () => {
  for (let round = 0; round < 12; round++) {
    for (const stages of [2, 3, 4]) {
      const problem = made(10 + round, round % 2 === 0 ? {} : { memoryBytes: 50 + 80 * (10 + round) });
      const memoryBytes = problem.memoryBytes ?? Infinity;
      const all = [...choices(problem.cuts, stages - 1)].map((cuts) => planOf(problem, cuts));
      const fitting = all.filter((plan) => plan.stages.every((stage) => stage.memoryBytes <= memoryBytes));
      if (fitting.length === 0) {
        expect(() => planStages(problem, stages)).toThrow('fits a memory of');
        continue;
      }
      const plan = planStages(problem, stages);
      const least = Math.min(...fitting.map(({ cutBytes }) => cutBytes));
      const bytesMax = Math.max(least, planOf(problem, equalLayers(problem, stages)).cutBytes);
      const light = fitting.filter(({ cutBytes }) => cutBytes <= bytesMax);
      expect(plan.slowestMs).toBeCloseTo(Math.min(...light.map(({ slowestMs }) => slowestMs)), 9);
      expect(plan.cutBytes).toBeLessThanOrEqual(bytesMax);
      for (const stage of plan.stages) expect(stage.memoryBytes).toBeLessThanOrEqual(memoryBytes);
    }
  }
});

test('the fewest stages that fit are taken, and one less would not fit', () => {
  const problem = made(24, { memoryBytes: 700 });
  const plan = planToFit(problem);
  expect(plan.stages.length).toBeGreaterThan(2);
  expect(() => planStages(problem, plan.stages.length - 1)).toThrow('too few');
  expect(planToFit(made(24)).stages).toHaveLength(1);
});

test('what cannot be met is refused by its name', () => {
  const problem = made(8, { cuts: [2, 5] });
  expect(() => planStages(problem, 4)).toThrow('4 stages take 3 cuts, and this model can be cut in 2 places');
  expect(() => planStages(problem, 0)).toThrow('1 to 16 stages, not 0');
  expect(() => planStages(problem, Number.NaN)).toThrow('not NaN');
  expect(() => planToFit({ ...problem, memoryBytes: 10 })).toThrow(
    'the largest piece that cannot be cut takes',
  );
});
