import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitUntil } from '../mesh/testing/wait-until.js';
import { PreparedGraphs } from './prepared-graphs.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-prepared-'));
});
afterAll(() => rm(dir, { recursive: true }));

const version = (digit: string, bytes: number, more: string[] = []) => ({
  digest: digit.repeat(64),
  resources: ['model.onnx', ...more].map((name) => ({ name, digest: digit.repeat(64), bytes })),
});

test('only graphs that are worth it and hold their own weights are prepared', () => {
  const graphs = new PreparedGraphs(join(dir, 'worth'));
  expect(graphs.for(version('a', 1_000))).toBeUndefined();
  expect(graphs.for(version('a', 2e6, ['weights.bin']))).toBeUndefined();
  expect(graphs.for(version('a', 2e6, ['card.json', 'selftest.json']))).toHaveProperty('writeTo');
});

test('the longest unused go, with their files, and nothing of an earlier life is taken', async () => {
  const at = join(dir, 'room');
  const graphs = new PreparedGraphs(at, 250);
  for (const digit of ['a', 'b', 'c']) {
    const path = join(at, digit);
    await writeFile(path, digit);
    graphs.keep(digit.repeat(64), { path, digest: digit.repeat(64), bytes: 100 });
    if (digit === 'b') graphs.for(version('a', 2e6));
  }
  expect(graphs.for(version('b', 2e6))).toHaveProperty('writeTo');
  expect(graphs.for(version('a', 2e6))).toMatchObject({ take: { path: join(at, 'a') } });
  await waitUntil('its file is gone', () => !existsSync(join(at, 'b')));
  expect(new PreparedGraphs(at).for(version('a', 2e6))).toHaveProperty('writeTo');
  expect(existsSync(join(at, 'a'))).toBe(false);
});
