import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { z } from 'zod';
import { TrainJob } from '../../../contracts/train-job.js';
import { qualityOf } from '../../../contracts/train-report.js';
import { systemClock } from '../../mesh/clock.js';
import { Graph } from '../../onnx/graph.js';
import { openSession } from '../../onnx/session.js';
import { float32, floatValues } from '../../onnx/tensor.js';
import { mlp } from '../../onnx/testing/mlp.js';
import { recipeJob } from '../recipes.js';
import { carryOut } from './carry-out.js';
import type { WorkerMessage } from '../../mesh/jobs/work-messages.js';
import type { WorkOrder } from './work-order.js';

const base = mkdtempSync(join(tmpdir(), 'massif-work-'));
afterAll(() => rmSync(base, { recursive: true }));
type Job = z.input<typeof TrainJob>;

const iris = (more: Partial<Job> = {}): Job => ({ ...recipeJob('iris'), ...more });
async function work(
  job: Job,
  {
    folder = mkdtempSync(join(base, 'job-')),
    parent,
    tell = () => undefined,
  }: { folder?: string; parent?: string; tell?: (message: WorkerMessage) => void } = {},
) {
  const order: WorkOrder = {
    job: TrainJob.parse(job),
    files: {},
    threads: 1,
    ...(parent === undefined ? {} : { parent }),
  };
  const report = await carryOut({ folder, order, clock: systemClock, tell });
  return { report, folder, model: readFileSync(join(folder, 'model.onnx')) };
}

test('iris is learned, and the model takes lengths in cm, missing ones too', async () => {
  const { report, model } = await work(iris());
  expect(qualityOf(report.validation).accuracy).toBeGreaterThan(0.9);
  expect(report.examples.train + report.examples.validation + report.examples.test).toBe(150 - 1);
  expect(report.notes[0]).toMatch(/rows? .*duplicates/);
  expect(report.plots['confusion']).toContain('versicolor');
  await using session = await openSession(model);
  const { probabilities } = await session.run({
    x: float32([2, 4], [5.1, 3.5, 1.4, 0.2, Number.NaN, 3.5, 1.4, 0.2]),
  });
  expect(probabilities && floatValues(probabilities)[0]).toBeGreaterThan(0.9);
  expect(probabilities && floatValues(probabilities)[3]).toBeGreaterThan(0.9);
});

test('a job left after any batch and taken up again ends with the same bytes', async () => {
  const job = iris({ training: { epochs: 4, batch: 16, rate: 0.01, checkpointMs: 0 } });
  const whole = await work(job);
  const left = mkdtempSync(join(base, 'left-'));
  const folder = mkdtempSync(join(base, 'again-'));
  const atStep = 7;
  await work(job, {
    folder: left,
    tell: (message) => {
      if (message.kind !== 'checkpoint' || message.step !== atStep) return;
      copyFileSync(join(left, 'checkpoint.run'), join(folder, 'checkpoint.run'));
    },
  });
  const steps: number[] = [];
  const again = await work(job, {
    folder,
    tell: (message) => void (message.kind === 'checkpoint' && steps.push(message.step)),
  });
  expect(steps[0]).toBe(atStep + 1);
  expect(createHash('sha256').update(again.model).digest('hex')).toBe(whole.report.modelDigest);
  expect(again.report.history).toEqual(whole.report.history);
});

test('a loss that runs away ends the job with a sentence and keeps the last good checkpoint', async () => {
  const folder = mkdtempSync(join(base, 'away-'));
  const job = iris({
    training: {
      epochs: 50,
      batch: 16,
      rate: 10,
      optimiser: 'sgd',
      schedule: 'constant',
      weightDecay: 1,
      checkpointMs: 0,
      patience: 50,
    },
  });
  await expect(work(job, { folder })).rejects.toMatchObject({
    code: 'MODEL_FAILED',
    message: expect.stringContaining('smaller rate than 10'),
  });
  expect(existsSync(join(folder, 'checkpoint.run'))).toBe(true);
});

test('training ends early when the validation loss gets no better', async () => {
  const { report } = await work(iris({ training: { epochs: 400, batch: 16, rate: 0.05, patience: 3 } }));
  expect(report.history.length).toBeLessThan(400);
});

test('fine-tuning moves what is not frozen, and nothing else', async () => {
  const first = await work(iris({ training: { epochs: 3, batch: 16, rate: 0.01 } }));
  const parent = { model: 'iris', frozen: ['dense1'] };
  const second = await work(iris({ parent, training: { epochs: 3, batch: 16, rate: 0.01 } }), {
    parent: join(first.folder, 'model.onnx'),
  });
  const weights = ({ model }: { model: Uint8Array }, name: string) => Graph.read(model).constant(name)?.data;
  expect(weights(second, 'dense1.weight')).toEqual(weights(first, 'dense1.weight'));
  expect(weights(second, 'dense2.weight')).not.toEqual(weights(first, 'dense2.weight'));
  expect(second.report.parameterCount).toBe(32 * 3 + 3);
  await expect(
    work(
      { ...recipeJob('digits'), data: { format: 'package', name: 'digits', examples: 100 } },
      { parent: join(first.folder, 'model.onnx') },
    ),
  ).rejects.toThrow('it knows the classes setosa');
});

test('a model that is cut off, or that no trainer made, is no parent', async () => {
  const path = join(base, 'parent.onnx');
  writeFileSync(path, mlp(1, 8).subarray(0, 500));
  await expect(work(iris(), { parent: path })).rejects.toMatchObject({ code: 'MODEL_REFUSED' });
  writeFileSync(path, mlp(1, 8));
  await expect(work(iris(), { parent: path })).rejects.toThrow('not made by a trainer');
});

test('a search validates every combination, stops the worse half and goes on with the best', async () => {
  const { report } = await work(
    iris({
      training: { epochs: 20, batch: 16, rate: 0.01 },
      search: {
        budgetMs: 1_500,
        networks: [{ kind: 'linear' }, { kind: 'cnn', channels: [4] }],
        rates: [1e-6],
      },
      baseline: { kind: 'linear' },
    }),
  );
  const ends = report.trials.map(({ ended }) => ended);
  expect(ends.filter((end) => end === 'chosen')).toHaveLength(1);
  expect(ends.filter((end) => end === 'refused')).toHaveLength(2);
  expect(report.trials.find(({ ended }) => ended === 'chosen')?.name).toContain('rate 0.01');
  expect(report.trials.find(({ name }) => name.startsWith('baseline'))?.testAccuracy).toBeGreaterThan(0.5);
});
