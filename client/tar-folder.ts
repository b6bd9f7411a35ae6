// A folder of pictures as one tar file (ustar), the same bytes for the same files: names in order, no times, no owners. `massif train
// FOLDER` uploads it; services/onnx/data/tar.ts is the other side.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { failure } from '../contracts/errors.js';

const BLOCK = 512;
const NAME_BYTES_MAX = 100;
const PREFIX_BYTES_MAX = 155;

/** One folder a class, PNG files in them; whatever else lies there is left out. Throws BAD_REQUEST where there are none. */
export async function* tarOfPictures(folder: string): AsyncGenerator<Uint8Array> {
  let files = 0;
  for (const label of (await entriesOf(folder)).filter((entry) => entry.folder)) {
    for (const { name } of await entriesOf(join(folder, label.name))) {
      if (!/\.png$/i.test(name) || name.startsWith('.')) continue;
      const content = await readFile(join(folder, label.name, name));
      yield header(label.name, name, content.length);
      yield content;
      yield new Uint8Array((BLOCK - (content.length % BLOCK)) % BLOCK);
      files++;
    }
  }
  if (files === 0)
    throw failure(
      'BAD_REQUEST',
      `${folder} holds no PNG file in a folder: one folder a class is what is read.`,
    );
  yield new Uint8Array(2 * BLOCK);
}

async function entriesOf(folder: string): Promise<{ name: string; folder: boolean }[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .map((entry) => ({ name: entry.name, folder: entry.isDirectory() }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function header(label: string, name: string, bytes: number): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  if (Buffer.byteLength(name) > NAME_BYTES_MAX || Buffer.byteLength(label) > PREFIX_BYTES_MAX)
    throw failure('BAD_REQUEST', `The name ${label}/${name} is too long for a tar file.`);
  const octal = (value: number, at: number, digits: number): void =>
    void block.write(`${value.toString(8).padStart(digits, '0')}\0`, at);
  block.write(name, 0);
  octal(0o644, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(bytes, 124, 11);
  octal(0, 136, 11);
  block.write('        ', 148);
  block.write('0', 156);
  block.write('ustar\x0000', 257);
  block.write(label, 345);
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    6,
  );
  block.write(' ', 155);
  return block;
}
