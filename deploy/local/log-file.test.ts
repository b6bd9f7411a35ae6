import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LogFile } from './log-file.js';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-log-'));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

test('a talkative process fills two files and no more', async () => {
  const log = new LogFile(join(dir, 'talker.log'), 100);
  for (let line = 10; line < 60; line++) log.write(Buffer.from(`line ${line}\n`));
  log.close();
  expect((await readdir(dir)).sort()).toEqual(['talker.log', 'talker.log.1']);
  const kept = async (name: string): Promise<string> => readFile(join(dir, name), 'utf8');
  await expect.poll(async () => (await kept('talker.log')).endsWith('line 59\n')).toBe(true);
  expect(log.tail.endsWith('line 58\nline 59\n')).toBe(true);
});
