import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { PNG } from 'pngjs';
import { afterAll, expect, test } from 'vitest';
import { pieces } from '../testing/bytes.js';
import { folderImages, idxImages } from './image-source.js';
import { prepareImages } from './prepare-images.js';
import { resized } from './resize.js';
import { fileBytes } from './table-source.js';

const folder = mkdtempSync(join(tmpdir(), 'massif-images-'));
afterAll(() => rmSync(folder, { recursive: true }));
const request = { split: { seed: 1, validation: 0.2, test: 0.2 }, duplicates: 'drop' } as const;

function idx(shape: number[], values: ArrayLike<number>): Buffer {
  const head = Buffer.alloc(4 + 4 * shape.length);
  head.set([0, 0, 8, shape.length]);
  shape.forEach((size, i) => head.writeUInt32BE(size, 4 + 4 * i));
  return Buffer.concat([head, Buffer.from(Array.from(values))]);
}
const pixels = Uint8Array.from({ length: 20 * 6 }, (_, i) => (i * 37) % 251);
const labels = Uint8Array.from({ length: 20 }, (_, i) => i % 2);

test('idx files, packed or not, become pictures with their classes', async () => {
  writeFileSync(join(folder, 'images.gz'), gzipSync(idx([20, 2, 3], pixels)));
  const open = fileBytes(join(folder, 'images.gz'), 'images.gz');
  const prepared = await prepareImages(
    idxImages('d', open, () => pieces(idx([20], labels))),
    request,
    folder,
  );
  expect(prepared).toMatchObject({ shape: [1, 2, 3], element: 'uint8', classes: ['0', '1'] });
  expect(prepared.counts).toEqual({ train: 12, validation: 4, test: 4 });
});

test('idx files that end early, or do not belong together, are refused with the item', async () => {
  const read = (images: Buffer, marks: Buffer) =>
    prepareImages(
      idxImages(
        'd',
        () => pieces(images),
        () => pieces(marks),
      ),
      request,
      folder,
    );
  const whole = idx([20, 2, 3], pixels);
  await expect(read(whole.subarray(0, -3), idx([20], labels))).rejects.toThrow(
    'd item 20: the file ends here',
  );
  await expect(read(whole, idx([19], labels))).rejects.toThrow('there are 20 pictures and 19 labels');
  await expect(read(Buffer.from('hello world'), idx([20], labels))).rejects.toMatchObject({
    code: 'DATA_REFUSED',
  });
  writeFileSync(join(folder, 'cut.gz'), gzipSync(whole).subarray(0, 60));
  const cut = idxImages('d', fileBytes(join(folder, 'cut.gz'), 'cut.gz'), () => pieces(idx([20], labels)));
  await expect(prepareImages(cut, request, folder)).rejects.toThrow('cannot be read to its end');
});

test('a folder of png files is one class a folder, in one size', async () => {
  for (const [label, red] of [
    ['cat', 250],
    ['dog', 20],
  ] as const) {
    mkdirSync(join(folder, 'pets', label), { recursive: true });
    for (let i = 0; i < 5; i++) {
      const png = new PNG({ width: 4 + i, height: 6 });
      png.data.fill(255).fill(red + i, 0, 8 * i + 4);
      writeFileSync(join(folder, 'pets', label, `${i}.png`), PNG.sync.write(png));
    }
  }
  const source = folderImages(join(folder, 'pets'), { height: 8, width: 8, channels: 3 });
  expect(await prepareImages(source, request, folder)).toMatchObject({
    shape: [3, 8, 8],
    classes: ['cat', 'dog'],
  });
  writeFileSync(join(folder, 'pets', 'dog', 'x.png'), 'no picture');
  await expect(prepareImages(source, request, folder)).rejects.toThrow(
    'pets/dog/x.png: this is no readable PNG',
  );
});

test('a resized picture keeps its mean brightness', () => {
  const data = Uint8Array.from({ length: 4 * 12 * 9 }, (_, i) => (i % 4 === 3 ? 255 : (i * 31) % 256));
  const mean = (values: Uint8Array) => values.reduce((a, b) => a + b, 0) / values.length;
  const whole = mean(resized({ data, width: 12, height: 9 }, 1, 9, 12));
  expect(mean(resized({ data, width: 12, height: 9 }, 1, 3, 5))).toBeCloseTo(whole, 0);
  expect([...resized({ data: new Uint8Array(4).fill(255), width: 1, height: 1 }, 1, 2, 2)]).toEqual([
    255, 255, 255, 255,
  ]);
});
