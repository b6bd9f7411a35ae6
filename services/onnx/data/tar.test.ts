import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { PNG } from 'pngjs';
import { afterAll, expect, test } from 'vitest';
import { tarOfPictures } from '../../../client/tar-folder.js';
import { pieces } from '../testing/bytes.js';
import { folderImages, tarImages } from './image-source.js';
import { prepareImages } from './prepare-images.js';
import { fileBytes } from './table-source.js';
import { tarFiles } from './tar.js';

const folder = mkdtempSync(join(tmpdir(), 'massif-tar-'));
afterAll(() => rmSync(folder, { recursive: true }));
const pictures = join(folder, 'animals');
for (const [c, label] of ['cat', 'dog'].entries()) {
  mkdirSync(join(pictures, label), { recursive: true });
  for (let i = 0; i < 6; i++) {
    const png = new PNG({ width: 5, height: 4 });
    png.data.forEach((_, at) => (png.data[at] = (at * 7 + i * 31 + c * 100) % 256));
    writeFileSync(join(pictures, label, `${i}.png`), PNG.sync.write(png));
  }
  writeFileSync(join(pictures, label, 'notes.txt'), 'no picture');
}
async function packed(): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of tarOfPictures(pictures)) parts.push(part);
  return Buffer.concat(parts);
}
const request = { split: { seed: 1, validation: 0.2, test: 0.2 }, duplicates: 'drop' } as const;
const size = { height: 4, width: 5, channels: 3 } as const;
const read = async (bytes: Buffer) => {
  const found: string[] = [];
  for await (const { path } of tarFiles('t.tar', pieces(bytes))) found.push(path);
  return found;
};

test('a folder of pictures that was packed gives the examples that the folder gives', async () => {
  const bytes = await packed();
  expect(await packed()).toEqual(bytes);
  const places = ['folder', 'tar', 'gz'].map((name) => join(folder, name));
  for (const place of places) mkdirSync(place);
  const [one = '', two = '', three = ''] = places;
  const plain = await prepareImages(folderImages(pictures, size), request, one);
  const unpacked = await prepareImages(
    tarImages('a.tar', () => pieces(bytes), size),
    request,
    two,
  );
  writeFileSync(join(folder, 'a.tgz'), gzipSync(bytes));
  const gz = tarImages('a.tgz', fileBytes(join(folder, 'a.tgz'), 'a.tgz'), size);
  expect(unpacked.digest).toBe(plain.digest);
  expect((await prepareImages(gz, request, three)).digest).toBe(plain.digest);
  expect(plain.classes).toEqual(['cat', 'dog']);
});

/** The first header changed, and its checksum with it. */
async function tampered(change: (header: Buffer) => void): Promise<Buffer> {
  const bytes = Buffer.from(await packed());
  const header = bytes.subarray(0, 512);
  change(header);
  header.write('        ', 148);
  const sum = header.reduce((a, b) => a + b, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return bytes;
}

test.each<[string, (header: Buffer) => void, string]>([
  ['a path that climbs', (h) => void h.write('../../etc/passwd\0', 0), 'leads out of the folder'],
  [
    'an absolute path',
    (h) => void (h.fill(0, 345, 500), h.write('/etc/passwd\0', 0)),
    'leads out of the folder',
  ],
  ['a link', (h) => void h.write('2', 156), 'no plain file'],
  ['a size of gigabytes', (h) => void h.write('77777777777\0', 124), 'says to have'],
  ['a size that is no number', (h) => void h.write('9z\0', 124), 'a number in its header is none'],
])('%s in a tar file is refused', async (_, change, sentence) => {
  await expect(read(await tampered(change))).rejects.toThrow(sentence);
});

test('a tar file that is damaged, cut or no tar file at all is refused with the entry', async () => {
  const bytes = await packed();
  const damaged = Buffer.from(bytes);
  damaged[3] = (damaged[3] ?? 0) ^ 1;
  await expect(read(damaged)).rejects.toThrow('t.tar entry 1: its header is damaged');
  await expect(read(bytes.subarray(0, 520))).rejects.toThrow('the file ends within it');
  await expect(read(Buffer.alloc(600, 'x'))).rejects.toMatchObject({ code: 'DATA_REFUSED' });
});

test('a picture that claims to be huge is refused before it is unpacked', async () => {
  const place = join(folder, 'bomb');
  mkdirSync(join(place, 'cat'), { recursive: true });
  const png = PNG.sync.write(new PNG({ width: 2, height: 2 }));
  png.writeUInt32BE(60_000, 16);
  png.writeUInt32BE(60_000, 20);
  writeFileSync(join(place, 'cat', 'x.png'), png);
  await expect(prepareImages(folderImages(place, size), request, folder)).rejects.toThrow(
    '60000 x 60000 pixels',
  );
});
