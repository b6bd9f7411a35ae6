import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { JobReply, JobsReply, ReportReply } from '../../contracts/trainer.js';
import { runCommandLine } from '../../client/cli/command-line.js';
import { ShowReply } from '../../contracts/registry.js';
import { subjects } from '../../contracts/subjects.js';
import { waitUntil } from '../mesh/testing/wait-until.js';
import { registryService } from '../registry/registry.module.js';
import { recipeJob } from './recipes.js';
import { startTrainedRegion, type TrainedRegion } from './testing/trained-region.js';

let region: TrainedRegion;
const folder = mkdtempSync(join(tmpdir(), 'massif-shell-'));
beforeAll(async () => {
  region = await startTrainedRegion(registryService);
  await region.startTrainer('trainer-1');
}, 30_000);
afterAll(async () => {
  await region[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** Two moons, one column missing now and then. */
function moons(rows: number): Buffer {
  const lines = Array.from({ length: rows }, (_, i) => {
    const angle = (i * 2.399963) % Math.PI;
    const [x, y] = i % 2 ? [Math.cos(angle), Math.sin(angle)] : [1 - Math.cos(angle), 0.4 - Math.sin(angle)];
    return `${(x + 0.05 * Math.sin(i)).toFixed(4)},${i % 50 === 7 ? '' : y.toFixed(4)},${i % 2 ? 'upper' : 'lower'}`;
  });
  return Buffer.from(`x,y,moon\n${lines.join('\n')}\n`);
}
const digestOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
/** Long enough to be disturbed, and safe after every batch. */
const longJob = (model: string) => ({
  ...recipeJob('iris'),
  model,
  network: { kind: 'mlp' as const, hidden: [64, 64] },
  training: { epochs: 30, batch: 4, rate: 0.001, patience: 30, checkpointMs: 60 },
});

test('a csv file becomes a signed version with card, lineage and report', async () => {
  const bytes = moons(600);
  const digest = digestOf(bytes);
  await region.upload(digest, bytes);
  const file = { name: 'moons.csv', digest, bytes: bytes.length };
  const { id } = await region.submit({
    job: {
      model: 'moons',
      data: { format: 'csv', file, target: 'moon' },
      network: { kind: 'mlp', hidden: [16] },
      training: { epochs: 40, batch: 16, rate: 0.01 },
      aliases: ['stable'],
    },
  });
  const { result } = await region.until(id, 'done');
  expect(result?.accuracy).toBeGreaterThan(0.95);
  const { version } = await region.bus.request(
    subjects.registry('show'),
    ShowReply,
    { model: 'moons', version: 'stable' },
    { timeoutMs: 5_000 },
  );
  expect(version).toMatchObject({
    digest: result?.version?.digest,
    label: id,
    signer: { person: 'trainer' },
  });
  const { report } = await region.ask('report', ReportReply, { id });
  expect(version.card).toMatchObject({
    method: 'trained: mlp',
    training: { job: id, seed: 1, dataDigest: report.dataDigest },
  });
  expect(report.notes.join(' ')).toContain('column "y": 12 of 600 cells are missing');

  const parent = { model: 'moons', frozen: ['dense1'] };
  const tuned = await region.submit({
    job: {
      model: 'moons',
      parent,
      data: { format: 'csv', file, target: 'moon' },
      network: { kind: 'linear' },
      training: { epochs: 2 },
    },
  });
  await region.until(tuned.id, 'done');
  const child = await region.bus.request(
    subjects.registry('show'),
    ShowReply,
    { model: 'moons', version: tuned.id },
    { timeoutMs: 5_000 },
  );
  expect(child.version.card).toMatchObject({ parent: version.digest, method: 'fine-tuned, frozen dense1' });
});

test(
  'a job whose trainer is killed goes on elsewhere and ends with the same model',
  { timeout: 90_000 },
  async () => {
    const calm = await region.submit({ job: longJob('calm') });
    await region.until(calm.id, 'done');
    await region.startTrainer('trainer-2');
    const job = await region.submit({ job: longJob('killed') });
    const busy = await waitUntil('a checkpoint is safe', async () => {
      const record = await region.show(job.id);
      return (record.checkpointStep ?? 0) > 20 ? record : undefined;
    });
    await region.kill(busy.worker ?? '');
    const killed = await region.until(job.id, 'done');
    expect(killed.attempts).toBeGreaterThan(1);
    const [one, two] = await Promise.all(
      [calm.id, killed.id].map((id) => region.ask('report', ReportReply, { id })),
    );
    expect(two?.report.modelDigest).toBe(one?.report.modelDigest);
    expect(two?.report.history).toEqual(one?.report.history);
  },
);

test('a job that is cancelled ends, at work or still waiting', async () => {
  const first = await region.submit({ job: longJob('cancelled') });
  const waiting = await region.submit({ job: longJob('never') });
  await region.until(first.id, 'working');
  const { record } = await region.ask('cancel', JobReply, { id: waiting.id });
  expect(record.cancelAsked).toBe(true);
  await region.ask('cancel', JobReply, { id: first.id });
  await region.until(first.id, 'cancelled');
  await region.until(waiting.id, 'cancelled');
  const { jobs } = await region.ask('jobs', JobsReply, {});
  expect(jobs.map(({ id }) => id)).toContain(waiting.id);
});

test('bad data fail the job with file and row, a data set that was never uploaded is refused at once', async () => {
  const bytes = Buffer.from('x,moon\n1,a\n2\n');
  const digest = digestOf(bytes);
  const job = {
    model: 'bad',
    network: { kind: 'linear' as const },
    data: { format: 'csv' as const, target: 'moon', file: { name: 'bad.csv', digest, bytes: bytes.length } },
  };
  await expect(region.submit({ job })).rejects.toMatchObject({ code: 'DATA_REFUSED' });
  await region.upload(digest, bytes);
  const { id } = await region.submit({ job });
  const { error } = await region.until(id, 'failed');
  expect(error).toEqual({
    code: 'DATA_REFUSED',
    message: 'bad.csv row 3: it has 1 fields where the first row has 2.',
  });
  await expect(region.submit({ recipe: 'none' })).rejects.toThrow('there are iris, petals, digits');
});

function pictureFolder(): string {
  const place = join(folder, 'shades');
  for (const [c, shade] of ['dark', 'light'].entries()) {
    mkdirSync(join(place, shade), { recursive: true });
    for (let i = 0; i < 20; i++) {
      const png = new PNG({ width: 9, height: 7 });
      png.data.forEach((_, at) => (png.data[at] = 100 * c + ((at * 13 + i * 29) % 90)));
      writeFileSync(join(place, shade, `${i}.png`), PNG.sync.write(png));
    }
  }
  return place;
}

test('the command line trains from a file and shows what came of it', async () => {
  const path = join(folder, 'moons.csv');
  await writeFile(path, moons(400));
  const massif = async (...args: string[]) => {
    let text = '';
    const terminal = {
      env: {},
      cwd: folder,
      isRunning: () => false,
      signal: new AbortController().signal,
      write: (more: string) => (text += more),
      writeNote: () => undefined,
    };
    return { code: await runCommandLine([...args, '--nats', region.url], terminal), text };
  };
  const trained = await massif(
    'train',
    path,
    '--name',
    'shell',
    '--target',
    'moon',
    '--epochs',
    '30',
    '--label',
    'v1',
  );
  expect(trained.text).toMatch(/accuracy .* % on 80 examples of the test part[^]*published as shell v1/);
  expect(trained.code).toBe(0);
  const listed = await massif('jobs');
  expect(listed.text).toMatch(/shell +done[^]*digits +handwritten/);
  const [id = ''] = /\S+(?= +shell)/.exec(listed.text) ?? [];
  expect((await massif('jobs', id, '--plots', join(folder, 'plots'))).text).toContain('upper');
  expect(await readFile(join(folder, 'plots', 'loss.svg'), 'utf8')).toContain('<svg');
  expect((await massif('train', join(folder, 'none.csv'), '--name', 'x', '--target', 'y')).code).toBe(1);

  const known = await massif('datasets');
  const [digest = ''] = /(?<=moons\.csv +)[0-9a-f]{8,}/.exec(known.text) ?? [];
  const again = await massif('train', digest, '--name', 'again', '--target', 'moon', '--epochs', '2');
  expect(again.text).toContain('published as again');
  expect((await massif('train', 'abcdef0123', '--name', 'x', '--target', 'y')).code).toBe(1);

  const pictures = await massif(
    'train',
    pictureFolder(),
    '--name',
    'shades',
    '--size',
    '8x8',
    '--gray',
    '--epochs',
    '2',
  );
  expect(pictures.text).toMatch(/dark[^]*published as shades/);
});
