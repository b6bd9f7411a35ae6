import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { z } from 'zod';
import { TrainJob } from '../../../contracts/train-job.js';
import { qualityOf } from '../../../contracts/train-report.js';
import { systemClock } from '../../mesh/clock.js';
import { openSession } from '../../onnx/session.js';
import { signatureOf } from '../../onnx/signature.js';
import { Graph } from '../../onnx/graph.js';
import { float32, floatValues } from '../../onnx/tensor.js';
import { recipeJob } from '../recipes.js';
import { carryOut } from './carry-out.js';

const base = mkdtempSync(join(tmpdir(), 'massif-numbers-'));
afterAll(() => rmSync(base, { recursive: true }));
const digest = 'a'.repeat(64);
const path = join(base, digest);

type Job = z.input<typeof TrainJob>;

async function work(job: Job, parent?: string) {
  const folder = mkdtempSync(join(base, 'job-'));
  const order = {
    job: TrainJob.parse(job),
    files: { [digest]: path },
    threads: 1,
    ...(parent === undefined ? {} : { parent }),
  };
  const report = await carryOut({ folder, order, clock: systemClock, tell: () => undefined });
  const file = join(folder, 'model.onnx');
  return { report, file, model: readFileSync(file) };
}

/** What falls from a height: 1000 + 5 t squared, with a colour that adds ten. */
function table(more: Partial<Job> = {}, lines = fallen(0)): Job {
  writeFileSync(path, lines.join('\n'));
  return {
    model: 'fall',
    data: {
      format: 'csv',
      file: { name: 'fall.csv', digest, bytes: 1 },
      target: 'height',
      task: 'regression',
    },
    network: { kind: 'mlp', hidden: [16] },
    training: { epochs: 60, batch: 16, rate: 0.02, patience: 60 },
    ...more,
  };
}
const fallen = (up: number): string[] => [
  'seconds,colour,height',
  ...Array.from({ length: 240 }, (_, i) => {
    const seconds = (i % 120) / 20 - 3;
    return `${seconds},${i % 2 ? 'red' : 'blue'},${1_000 + up + 5 * seconds ** 2 + (i % 2 ? 10 : 0)}`;
  }),
];

test('a number is learned better than by a linear network, and comes out in its own unit', async () => {
  const { report, model } = await work(table({ baseline: { kind: 'linear' } }));
  expect(qualityOf(report.validation).r2).toBeGreaterThan(0.95);
  expect(report.trials[0]?.testR2).toBeLessThan(0.6);
  expect(report.validation).toMatchObject({ task: 'regression' });
  expect(report.plots['predictions']).toContain('R2 0.9');
  expect(signatureOf(Graph.read(model).model).outputs).toMatchObject([{ name: 'value', datatype: 'FP32' }]);
  await using session = await openSession(model);
  const { value } = await session.run({ x: float32([2, 2], [0, 0, 2.5, 1]) });
  const [low = 0, high = 0] = value === undefined ? [] : floatValues(value);
  expect(Math.abs(low - 1_000)).toBeLessThan(8);
  expect(Math.abs(high - 1_031)).toBeLessThan(12);
});

test('the length of a petal is told within half a centimetre', async () => {
  const { report } = await work(recipeJob('petals'));
  expect(report.validation).toMatchObject({ task: 'regression' });
  expect(qualityOf(report.validation).r2).toBeGreaterThan(0.9);
});

test('fine-tuning goes on in the unit of the version before, whatever the new mean is', async () => {
  const first = await work(table());
  const parent = { model: 'fall', frozen: ['dense1'] };
  const training = { epochs: 40, batch: 16, rate: 0.02, patience: 40 };
  const second = await work(table({ parent, training }, fallen(40)), first.file);
  expect(qualityOf(second.report.validation).r2).toBeGreaterThan(0.8);
  await expect(
    work(table({ parent, data: { format: 'package', name: 'iris' } }), first.file),
  ).rejects.toThrow('it tells the number "height", the data have classes to be learned');
});

const REFUSED: [string, string[], string][] = [
  ['a target that is no number', ['t,height', '1,2', '2,tall', '3,4'], 'fall.csv row 3, column "height"'],
  ['a target that is infinite', ['t,height', '1,2', '2,inf', '3,4'], 'not finite'],
  ['a target that is missing', ['t,height', '1,2', '2,', '3,4'], 'the target "height" is missing'],
  ['a target that never changes', ['t,height', '1,2', '2,2', '3,2'], 'the same value in every row'],
  [
    'a column that is the target in another unit',
    ['t,feet,height', ...Array.from({ length: 30 }, (_, i) => `${(i * 7) % 11},${i * 3.25},${i}`)],
    'the column "feet" is the target in another unit',
  ],
];
test.each(REFUSED)('%s is refused with its place', async (_, lines, message) => {
  await expect(work(table({}, lines))).rejects.toMatchObject({
    code: 'DATA_REFUSED',
    message: expect.stringContaining(message),
  });
});

test('networks that tell classes alone, and texts, are refused', async () => {
  await expect(work(table({ network: { kind: 'lstm' } }))).rejects.toThrow('learned by linear, mlp');
  const { data } = table();
  await expect(work(table({ data: { ...data, text: 'colour' } as Job['data'] }))).rejects.toThrow(
    'not from a text',
  );
});
