import { createHash } from 'node:crypto';
import { link, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkVerified, copyVerified, readVerified } from './verified-read.js';

let dir: string;
const content = Buffer.from('the very bytes');
const expected = {
  name: 'model.onnx',
  digest: createHash('sha256').update(content).digest('hex'),
  bytes: content.length,
};
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-read-'));
});
afterAll(() => rm(dir, { recursive: true }));

const written = async (name: string, bytes: Uint8Array): Promise<string> => {
  const path = join(dir, name);
  await writeFile(path, bytes);
  return path;
};

test('bytes with the signed digest are given back', async () => {
  expect(Buffer.from(await readVerified(await written('good', content), expected))).toEqual(content);
});

test('one changed bit, a shorter and a longer file are refused', async () => {
  const bent = Buffer.from(content);
  bent[3] = (bent[3] ?? 0) ^ 1;
  for (const [name, bytes] of Object.entries({
    bent,
    short: content.subarray(1),
    long: Buffer.concat([content, content]),
  }))
    await expect(readVerified(await written(name, bytes), expected)).rejects.toMatchObject({
      code: 'UNSIGNED',
    });
});

test('links are refused, symbolic and hard, even to the right bytes', async () => {
  const path = await written('target', content);
  await symlink(path, join(dir, 'soft'));
  await expect(readVerified(join(dir, 'soft'), expected)).rejects.toThrow();
  await link(path, join(dir, 'hard'));
  await expect(readVerified(join(dir, 'hard'), expected)).rejects.toMatchObject({ code: 'UNSIGNED' });
});

test('a missing file is a missing file, not a tampered one', async () => {
  await expect(readVerified(join(dir, 'none'), expected)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a file is checked without being held: good passes, one changed bit behind the first chunk does not', async () => {
  const large = Buffer.alloc(9_000_000, 7);
  const digest = createHash('sha256').update(large).digest('hex');
  const asked = { name: 'weights.bin', digest, bytes: large.length };
  const path = await written('large', large);
  await checkVerified(path, asked);
  large[8_999_999] = 6;
  await writeFile(path, large);
  await expect(checkVerified(path, asked)).rejects.toMatchObject({ code: 'UNSIGNED' });
});

test('a file of several parts comes whole and in its order, given back or copied', async () => {
  const large = Buffer.from(Float64Array.from({ length: 450_000 }, (_, i) => i).buffer);
  const asked = {
    name: 'weights.bin',
    digest: createHash('sha256').update(large).digest('hex'),
    bytes: large.length,
  };
  const path = await written('parts', large);
  expect(Buffer.compare(await readVerified(path, asked), large)).toBe(0);
  await copyVerified(path, asked, join(dir, 'copy'));
  expect(Buffer.compare(await readFile(join(dir, 'copy')), large)).toBe(0);
});
