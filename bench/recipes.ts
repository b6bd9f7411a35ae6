// The recipes of the trainer, trained here and measured on what they did not learn: iris by repeated folds, digits on MNIST's own
// test set where it lies beside the checkout, words in sentences against linear ones; and how much memory a large file costs. No mesh.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TrainJob } from '../contracts/train-job.js';
import { qualityOf, type TrainReport } from '../contracts/train-report.js';
import { root } from '../deploy/local/root.mjs';
import { systemClock } from '../services/mesh/clock.js';
import { openSession } from '../services/onnx/session.js';
import { ExampleFile } from '../services/onnx/data/example-file.js';
import { idxImages } from '../services/onnx/data/image-source.js';
import { partFile, readPrepared } from '../services/onnx/data/prepared.js';
import { prepareImages } from '../services/onnx/data/prepare-images.js';
import { fileBytes } from '../services/onnx/data/table-source.js';
import { recipeJob } from '../services/trainer/recipes.js';
import { measure } from '../services/onnx/data/evaluate.js';
import { carryOut } from '../services/trainer/worker/carry-out.js';
import { WORK_FILES } from '../services/mesh/jobs/work-messages.js';
import type { WorkOrder } from '../services/trainer/worker/work-order.js';
import { type Aim, type Benchmark, type BenchOptions, round } from './report.js';

const SEEDS = { ci: 1, quick: 1, full: 5 } as const;
const THREADS = 2;
const OFFICIAL = join(root, '..', 'shared', 'data');

type Changes = Partial<TrainJob>;

export const benchmark: Benchmark = async ({ form, seed }: BenchOptions) => {
  const base = mkdtempSync(join(tmpdir(), 'massif-recipes-'));
  try {
    const seeds = Array.from({ length: SEEDS[form] }, (_, i) => seed + i);
    const aims: Aim[] = [];
    const results: Record<string, unknown> = {};
    const iris = await irisFolds(base, form === 'ci' ? seeds : Array.from({ length: 5 }, (_, i) => seed + i));
    Object.assign(results, { iris });
    aims.push({
      name: 'iris, repeated stratified 5-fold',
      value: 100 * iris.mean,
      unit: '%',
      aim: 95.5,
      op: '>=',
    });
    aims.push({ name: 'iris, from package to model', value: iris.seconds, unit: 's', aim: 2, op: '<=' });
    const memory = await memoryOfLargeFile(base, form === 'full' ? 400 : form === 'quick' ? 240 : 40);
    Object.assign(results, { memory });
    if (form !== 'ci')
      aims.push({
        name: 'file / growth of resident memory',
        value: memory.fileMB / memory.growthMB,
        unit: 'x',
        aim: 4,
        op: '>=',
      });
    if (form === 'ci') return { results, aims };

    const digits = await repeat(seeds, (one) => digitsOnce(base, one));
    Object.assign(results, { digits });
    aims.push({
      name: `digits, ${digits.runs[0]?.on}`,
      value: 100 * digits.mean,
      unit: '%',
      aim: 98.5,
      op: '>=',
    });
    aims.push({
      name: 'digits, slowest',
      value: Math.max(...digits.runs.map((run) => run.seconds)),
      unit: 's',
      aim: 60,
      op: '<=',
    });
    for (const recipe of ['word-class-lstm', 'word-class-transformer'] as const) {
      const texts = await repeat(seeds, (one) => textsOnce(base, recipe, one));
      Object.assign(results, { [recipe]: texts });
      const ahead = (other: 'linear' | 'linearOfPairs'): number =>
        100 * mean(texts.runs.map((run) => run.accuracy - run[other]));
      aims.push(
        { name: `${recipe}, ahead of linear`, value: ahead('linear'), unit: 'points', aim: 0, op: '>=' },
        {
          name: `${recipe}, ahead of linear on words and pairs`,
          value: ahead('linearOfPairs'),
          unit: 'points',
          aim: 0,
          op: '>=',
        },
      );
    }
    return { results, aims };
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
};

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const spread = (values: readonly number[]): number =>
  Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2)));

const accuracyOf = ({ validation }: TrainReport): number => qualityOf(validation).accuracy ?? 0;

async function repeat<T extends { accuracy: number }>(
  seeds: readonly number[],
  once: (seed: number) => Promise<T>,
) {
  const runs: T[] = [];
  for (const seed of seeds) runs.push(await once(seed));
  const accuracies = runs.map(({ accuracy }) => accuracy);
  console.table(runs);
  return { mean: mean(accuracies), spread: spread(accuracies), runs };
}

async function trained(base: string, recipe: string, change: (job: TrainJob) => Changes) {
  const folder = mkdtempSync(join(base, `${recipe}-`));
  const plain = TrainJob.parse(recipeJob(recipe));
  const order: WorkOrder = { job: { ...plain, ...change(plain) }, files: {}, threads: THREADS };
  const started = performance.now();
  const report: TrainReport = await carryOut({ folder, order, clock: systemClock, tell: () => undefined });
  const seconds = (performance.now() - started) / 1_000;
  return { folder, report, seconds, load: round(loadavg()[0] ?? 0) };
}

async function irisFolds(base: string, seeds: readonly number[]) {
  const accuracies: number[] = [];
  const seconds: number[] = [];
  for (const seed of seeds) {
    let right = 0;
    let all = 0;
    for (let index = 0; index < 5; index++) {
      const run = await trained(base, 'iris', ({ split, training }) => ({
        split: { ...split, seed, fold: { of: 5, index } },
        training: { ...training, seed },
      }));
      right += accuracyOf(run.report) * run.report.validation.examples;
      all += run.report.validation.examples;
      seconds.push(run.seconds);
    }
    accuracies.push(right / all);
  }
  return { mean: mean(accuracies), spread: spread(accuracies), accuracies, seconds: Math.max(...seconds) };
}

async function digitsOnce(base: string, seed: number) {
  const [images, labels] = ['images-idx3', 'labels-idx1'].map((name) =>
    join(OFFICIAL, `mnist-t10k-${name}-ubyte.gz`),
  );
  const official = images !== undefined && labels !== undefined && existsSync(images);
  const { folder, report, seconds, load } = await trained(base, 'digits', ({ split, training }) => ({
    // With a test set of its own, all digits of the package but a few are for training.
    split: { ...split, seed, test: official ? 0 : 0.2 },
    training: { ...training, seed },
  }));
  if (!official) return { accuracy: accuracyOf(report), seconds, load, on: 'a held-out fifth' };
  const place = mkdtempSync(join(base, 'official-'));
  const source = idxImages('t10k', fileBytes(images, images), fileBytes(labels, labels));
  await prepareImages(source, { split: { seed, validation: 0, test: 1 }, duplicates: 'keep' }, place);
  const prepared = readPrepared(place);
  if (prepared === undefined) throw new Error('the official digits were not prepared');
  using file = new ExampleFile(partFile(place, 'test'), prepared);
  await using session = await openSession(readFileSync(join(folder, WORK_FILES.model)), { threads: THREADS });
  const { accuracy = 0 } = (await measure(session, file, { prepared })).quality;
  return { accuracy, seconds, load, on: `${file.count} official test digits` };
}

/** The job's own baseline counts words; what pairs of neighbours tell it too is trained in a job of its own, on the same parts. */
async function textsOnce(base: string, recipe: string, seed: number) {
  const seeded = ({ split, training }: TrainJob) => ({
    split: { ...split, seed },
    training: { ...training, seed },
  });
  const { report, seconds, load } = await trained(base, recipe, seeded);
  const linear = report.trials.find(({ name }) => name.startsWith('baseline'))?.testAccuracy ?? 0;
  const pairs = await trained(base, recipe, (job) => ({
    ...seeded(job),
    network: { kind: 'linear' },
    baseline: undefined,
    tokens: { method: 'hashed', vocabulary: 65_536, length: 2 * job.tokens.length },
  }));
  return { accuracy: accuracyOf(report), linear, linearOfPairs: accuracyOf(pairs.report), seconds, load };
}

/** The worker's peak, less what it took when it had loaded its libraries, trained on a file of a few rows. */
async function memoryOfLargeFile(base: string, fileMB: number) {
  const small = await workerPeakMB(base, 0.1);
  const large = await workerPeakMB(base, fileMB);
  return { fileMB, growthMB: Math.max(1, large - small), peakMB: large };
}

async function workerPeakMB(base: string, fileMB: number): Promise<number> {
  const folder = mkdtempSync(join(base, 'memory-'));
  const path = join(folder, 'large.csv');
  const file = createWriteStream(path);
  file.write(`${Array.from({ length: 20 }, (_, i) => `c${i}`).join(',')},label\n`);
  for (let written = 0, row = 0; written < fileMB * 1_000_000;) {
    const lines = Array.from({ length: 1_000 }, () => {
      const values = Array.from({ length: 20 }, (_, i) =>
        ((((row * 7_919 + i * 104_729) % 99_991) * (i + 1)) / 7).toFixed(3),
      );
      return `${values.join(',')},${row++ % 3 ? 'a' : 'b'}\n`;
    }).join('');
    written += lines.length;
    if (!file.write(lines)) await once(file, 'drain');
  }
  file.end();
  await once(file, 'close');
  const digest = '0'.repeat(64);
  const job = TrainJob.parse({
    model: 'large',
    data: { format: 'csv', file: { name: 'large.csv', digest, bytes: 1 }, target: 'label' },
    network: { kind: 'mlp', hidden: [16] },
    training: { epochs: 1, batch: 1_024 },
  });
  writeFileSync(
    join(folder, WORK_FILES.order),
    JSON.stringify({ job, files: { [digest]: path }, threads: 1 } satisfies WorkOrder),
  );
  const worker = fileURLToPath(new URL('../services/trainer/worker/worker.js', import.meta.url));
  const child = fork(worker, [folder], { cwd: folder, execArgv: [] });
  let peakMB = 0;
  // Linux keeps the highest resident size; it is read while the process lives.
  const watch = setInterval(() => (peakMB = Math.max(peakMB, highWaterMB(child.pid))), 20);
  child.on('message', (message: { kind: string; message?: string }) => {
    peakMB = Math.max(peakMB, highWaterMB(child.pid));
    if (message.kind === 'failed') throw new Error(message.message);
  });
  await once(child, 'exit');
  clearInterval(watch);
  rmSync(folder, { recursive: true, force: true });
  return peakMB;
}

function highWaterMB(pid: number | undefined): number {
  try {
    const found = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return Number(found?.[1] ?? 0) / 1_000;
  } catch {
    return 0;
  }
}
