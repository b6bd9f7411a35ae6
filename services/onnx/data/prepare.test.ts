import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { afterAll, expect, test } from 'vitest';
import type { z } from 'zod';
import { DataSpec, TrainJob } from '../../../contracts/train-job.js';
import { prepare } from './prepare.js';

const folder = mkdtempSync(join(tmpdir(), 'massif-prepare-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A file as a job names it, lying under its digest. */
function file(name: string, content: string | Uint8Array, first: string) {
  const digest = first.repeat(64);
  writeFileSync(join(folder, digest), content);
  return { name, digest, bytes: content.length };
}
const files = Object.fromEntries(
  ['a', 'b'].map((first) => [first.repeat(64), join(folder, first.repeat(64))]),
);
const prepared = (data: z.input<typeof DataSpec>, tokens: z.input<typeof TrainJob>['tokens'] = {}) =>
  prepare(TrainJob.parse({ model: 'm', data, network: { kind: 'linear' }, tokens }), {
    folder,
    files,
    datasetsDir: folder,
    like: undefined,
  });

test('every format that a job can name becomes examples', async () => {
  const lines = Array.from({ length: 30 }, (_, i) =>
    JSON.stringify({ id: i, say: `word${i} and more`, mood: i % 2 ? 'up' : 'down' }),
  );
  const texts = file('t.jsonl', lines.join('\n'), 'a');
  const words = { method: 'hashed', vocabulary: 64, length: 8 } as const;
  expect(
    (await prepared({ format: 'jsonl', file: texts, target: 'mood', text: 'say' }, words)).shape,
  ).toEqual([8]);

  const images = file(
    'i',
    Buffer.concat([
      Buffer.from([0, 0, 8, 3, 0, 0, 0, 10, 0, 0, 0, 2, 0, 0, 0, 2]),
      Buffer.from(Array.from({ length: 40 }, (_, i) => i)),
    ]),
    'a',
  );
  const labels = file('l', Buffer.from([0, 0, 8, 1, 0, 0, 0, 10, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]), 'b');
  expect((await prepared({ format: 'idx', images, labels })).shape).toEqual([1, 2, 2]);

  for (const [label, shade] of [
    ['day', 180],
    ['night', 9],
  ] as const) {
    mkdirSync(join(folder, 'sky', label), { recursive: true });
    for (let i = 0; i < 4; i++) {
      const png = new PNG({ width: 5, height: 5 });
      png.data.fill(255).fill(shade, 0, 20 * (i + 1));
      writeFileSync(join(folder, 'sky', label, `${i}.png`), PNG.sync.write(png));
    }
  }
  expect((await prepared({ format: 'folder', path: 'sky', height: 4, width: 4 })).classes).toEqual([
    'day',
    'night',
  ]);

  const prose = file('p.txt', 'so it goes on and on. '.repeat(40), 'a');
  expect((await prepared({ format: 'text', file: prose }, { length: 16 })).targetSize).toBe(16);
});

test('a folder outside that of data sets, and a file that nobody uploaded, are refused', async () => {
  await expect(prepared({ format: 'folder', path: '../etc', height: 4, width: 4 })).rejects.toThrow(
    'relative to the folder',
  );
  await expect(prepared({ format: 'folder', path: '/etc', height: 4, width: 4 })).rejects.toThrow(
    'relative to the folder',
  );
  const missing = { name: 'x.csv', digest: 'c'.repeat(64), bytes: 1 };
  await expect(prepared({ format: 'csv', file: missing, target: 'y' })).rejects.toThrow('upload it first');
});
