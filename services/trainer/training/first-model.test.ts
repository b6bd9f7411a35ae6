import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { z } from 'zod';
import { Network, Training } from '../../../contracts/train-job.js';
import { systemClock } from '../../mesh/clock.js';
import { listImages } from '../../onnx/data/image-source.js';
import { prepareImages } from '../../onnx/data/prepare-images.js';
import { prepareRunningText, prepareText } from '../../onnx/data/prepare-text.js';
import type { Prepared } from '../../onnx/data/prepared.js';
import { listTable } from '../../onnx/data/table-source.js';
import { TrainingRun } from './training-run.js';
import { firstModel } from '../../onnx/data/first-model.js';

const base = mkdtempSync(join(tmpdir(), 'massif-networks-'));
afterAll(() => rmSync(base, { recursive: true }));
const split = { seed: 1, validation: 0.2, test: 0.1 };
type Kind = z.input<typeof Network>;

/** A cross of bright pixels, standing or lying. */
function bars(folder: string): Promise<Prepared> {
  const picture = (i: number) => {
    const at = 2 + (i % 12);
    const pixels = Uint8Array.from({ length: 256 }, (_, p) =>
      (i % 2 ? p % 16 : p >> 4) === at ? 255 : (p * i) % 40,
    );
    return { at: '', pixels, label: i % 2 ? 'standing' : 'lying' };
  };
  const source = listImages('bars', [1, 16, 16], () => Array.from({ length: 160 }, (_, i) => picture(i)));
  return prepareImages(source, { split, duplicates: 'keep' }, folder);
}
function says(folder: string): Promise<Prepared> {
  const rows = Array.from({ length: 200 }, (_, i) => [
    `w${i % 7} ${i % 2 ? 'good' : 'bad'} w${i % 11} w${i % 5}`,
    i % 2 ? 'up' : 'down',
  ]);
  const tokens = { method: 'words' as const, vocabulary: 128, length: 6 };
  return prepareText(
    listTable('says', ['say', 'mood'], rows),
    { text: 'say', target: 'mood', split, duplicates: 'drop', tokens },
    folder,
  );
}
function rhyme(folder: string): Promise<Prepared> {
  return Promise.resolve(
    prepareRunningText('rhyme', 'abc abd abe '.repeat(120), { length: 12, split, vocabulary: 40 }, folder),
  );
}

async function learned(prepare: (folder: string) => Promise<Prepared>, kind: Kind, epochs: number) {
  const folder = mkdtempSync(join(base, 'x-'));
  const prepared = await prepare(folder);
  const training = Training.parse({ epochs, batch: 16, rate: 0.01, schedule: 'constant' });
  const model = firstModel(prepared, Network.parse(kind), 1);
  await using run = await TrainingRun.open({
    folder,
    prepared,
    model,
    training,
    threads: 1,
    clock: systemClock,
    fingerprint: '',
  });
  for (let epoch = 0; epoch < epochs; epoch++) await run.runEpoch(() => undefined);
  return run.bestQuality.accuracy;
}

test.each<[(folder: string) => Promise<Prepared>, Kind, number, number]>([
  [bars, { kind: 'mlp', hidden: [32] }, 8, 0.9],
  [bars, { kind: 'cnn', channels: [8, 8], hidden: [16] }, 4, 0.9],
  [bars, { kind: 'googlenet', base: 4 }, 3, 0.5],
  [bars, { kind: 'vgg', base: 4 }, 3, 0.5],
  [bars, { kind: 'alexnet', base: 4 }, 3, 0.5],
  [says, { kind: 'linear' }, 6, 0.95],
  [says, { kind: 'lstm', embedding: 8, hidden: 8 }, 6, 0.95],
  [says, { kind: 'gru', embedding: 8, hidden: 8, bothWays: false }, 6, 0.95],
  [says, { kind: 'transformer', width: 8 }, 6, 0.95],
  [rhyme, { kind: 'decoder', width: 16, layers: 1 }, 6, 0.8],
])('%o learns with %o', async (prepare, kind, epochs, least) => {
  expect(await learned(prepare, kind, epochs)).toBeGreaterThanOrEqual(least);
});

test('a network that does not fit the data is refused with those that do', async () => {
  await expect(learned(bars, { kind: 'lstm' }, 1)).rejects.toThrow(
    'such data are learned by linear, mlp, cnn',
  );
});
