import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { coresOf, leaveACore, readCores } from './leave-a-core.js';
import { waitUntil } from './testing/wait-until.js';

test('cores are read as Linux writes them', () => {
  expect(readCores('0-2,5,7-8')).toEqual([0, 1, 2, 5, 7, 8]);
  expect(readCores('3')).toEqual([3]);
  expect(readCores('')).toEqual([]);
});

test.runIf(coresOf(process.pid).length > 1)(
  'a process leaves its first core to others, and nobody else does',
  async () => {
    const mine = coresOf(process.pid);
    const child = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)']);
    await once(child, 'spawn');
    leaveACore(child.pid ?? 0);
    await waitUntil('it has left it', () => coresOf(child.pid ?? 0).length === mine.length - 1);
    expect(coresOf(child.pid ?? 0)).toEqual(mine.slice(1));
    expect(coresOf(process.pid)).toEqual(mine);
    child.kill();
    await once(child, 'exit');
  },
);

test('who is gone leaves nothing', () => {
  expect(coresOf(2 ** 30)).toEqual([]);
  leaveACore(2 ** 30);
});
