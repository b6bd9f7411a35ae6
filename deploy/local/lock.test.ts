import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { tryLock, withLock } from './lock.mjs';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-lock-'));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

const lockModule = new URL('./lock.mjs', import.meta.url).href;

function node(code: string): ChildProcess {
  return spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

test('while one holds it nobody else gets it, and afterwards the next one does', async () => {
  const first = await tryLock(dir);
  expect(await tryLock(dir)).toBeUndefined();
  await first?.release();
  const second = await tryLock(dir);
  expect(second).toBeDefined();
  await second?.release();
});

test('a holder that was killed leaves no lock behind', async () => {
  const holder = node(`
    import { tryLock } from ${JSON.stringify(lockModule)};
    await tryLock(${JSON.stringify(dir)});
    console.log('held');
    setInterval(() => {}, 1000);`);
  if (holder.stdout) await once(holder.stdout, 'data');
  expect(await tryLock(dir)).toBeUndefined();
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  expect(await tryLock(dir)).toBeDefined();
});

test('of many processes that take over a dead one, one at a time holds it', async () => {
  const journal = join(dir, 'journal');
  const crowd = Array.from({ length: 6 }, () =>
    node(`
      import { appendFileSync } from 'node:fs';
      import { tryLock, withLock } from ${JSON.stringify(lockModule)};
      const folder = ${JSON.stringify(join(dir, 'lock'))};
      for (let turn = 0; turn < 20; turn++) {
        await withLock(folder, () => {}, async () => {
          appendFileSync(${JSON.stringify(journal)}, '(');
          await new Promise((resolve) => setImmediate(resolve));
          appendFileSync(${JSON.stringify(journal)}, ')');
        });
      }
      // The last turn ends like a kill: held, never given back.
      while ((await tryLock(folder)) === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
      appendFileSync(${JSON.stringify(journal)}, '()');
      process.exit(0);`),
  );
  await Promise.all(crowd.map(async (process) => once(process, 'exit')));
  expect(await readFile(journal, 'utf8')).toBe('()'.repeat(6 * 21));
  // One ticket is left however many were drawn.
  expect(await readdir(join(dir, 'lock'))).toHaveLength(1);
});

test('the action that fails gives the lock back', async () => {
  const failing = withLock(
    dir,
    () => undefined,
    async () => appendFile(join(dir, 'no', 'such', 'folder'), ''),
  );
  await expect(failing).rejects.toThrow('ENOENT');
  expect(await tryLock(dir)).toBeDefined();
});
