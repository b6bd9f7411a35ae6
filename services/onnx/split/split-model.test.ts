import { expect, test } from 'vitest';
import { Graph } from '../graph.js';
import { openSession, type Tensors } from '../session.js';
import { elementCount, float32 } from '../tensor.js';
import { seeded } from '../seeded.js';
import { largestDifference } from '../testing/outputs.js';
import { ocrClassifier } from '../testing/real-models.js';
import { splitModel } from './split-model.js';

const feeds = { x: float32([1, 3, 48, 192], seeded(3).normals(elementCount([1, 3, 48, 192]), 1)) };

async function run(model: Uint8Array, given: Tensors, optimisation: 'disabled' | 'all'): Promise<Tensors> {
  await using session = await openSession(model, { optimisation });
  const wanted = session.inputNames.map((name) => [name, given[name]] as const);
  return await session.run(Object.fromEntries(wanted) as Record<string, NonNullable<(typeof given)[string]>>);
}

test('a model split by its profile answers as the whole: to the last bit, and within 1e-6 as deployed', async () => {
  const graph = Graph.read(ocrClassifier());
  const shapes = { inputShapes: { x: [1, 3, 48, 192] } };
  const { stages, plan, problem } = await splitModel(graph, 3, { feeds, ...shapes });
  expect(plan.slowestMs).toBeLessThan(problem.nodeMs.reduce((a, b) => a + b, 0));
  expect(problem.nodeMs.filter((ms) => ms > 0).length).toBeGreaterThan(problem.nodeMs.length / 2);
  for (const [optimisation, tolerance] of [
    ['disabled', 0],
    ['all', 1e-6],
  ] as const) {
    const whole = await run(ocrClassifier(), feeds, optimisation);
    let values: Tensors = feeds;
    for (const stage of stages) values = { ...values, ...(await run(stage.write(), values, optimisation)) };
    const answer = Object.fromEntries(Object.keys(whole).map((name) => [name, values[name]])) as typeof whole;
    expect(largestDifference(whole, answer)).toBeLessThanOrEqual(tolerance);
  }
});

test('without a run the times are counted, and a memory decides the number of stages', async () => {
  const graph = Graph.read(ocrClassifier());
  const shapes = { inputShapes: { x: [1, 3, 48, 192] } };
  const one = await splitModel(graph, 1, shapes);
  const memoryBytes = Math.ceil((one.plan.stages[0]?.memoryBytes ?? 0) * 0.8);
  const { stages } = await splitModel(graph, undefined, { ...shapes, memoryBytes });
  expect(stages.length).toBeGreaterThan(1);
});
