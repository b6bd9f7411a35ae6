import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isAlive } from './identity.mjs';
import { root } from './root.mjs';

const script = join(root, 'deploy', 'local', 'undertaker.sh');
const sleepers: ChildProcess[] = [];

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif undertaker '));
});
afterEach(async () => {
  for (const sleeper of sleepers.splice(0)) sleeper.kill('SIGKILL');
  await rm(dir, { recursive: true, force: true });
});

/** A process group of its own; says a line once it runs. */
async function sleeper(code = ''): Promise<ChildProcess & { pid: number }> {
  const child = spawn(
    process.execPath,
    ['-e', `${code}; console.log('here'); setInterval(() => {}, 1000);`],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    },
  );
  sleepers.push(child);
  if (child.stdout) await once(child.stdout, 'data');
  return Object.assign(child, { pid: child.pid ?? 0 });
}

async function undertaker(): Promise<ChildProcess> {
  const helper = spawn('/bin/sh', [script], { stdio: ['pipe', 'pipe', 'inherit'], detached: true });
  await once(helper.stdout, 'data');
  return helper;
}

test('when its input ends, the processes named there end, the deaf and the stopped too, and the spared live on', async () => {
  const [polite, deaf, stopped, spared] = await Promise.all([
    sleeper(),
    sleeper(`process.on('SIGTERM', () => {})`),
    sleeper(),
    sleeper(),
  ]);
  stopped.kill('SIGSTOP');
  const ended = [polite, deaf, stopped].map(async (child) => once(child, 'exit'));
  const helper = await undertaker();
  for (const child of [polite, deaf, stopped, spared]) helper.stdin?.write(`add ${child.pid}\n`);
  helper.stdin?.end(`del ${spared.pid}\n`);
  await once(helper, 'exit');
  expect((await Promise.all(ended)).map(([, signal]) => signal as string)).toEqual([
    'SIGTERM',
    'SIGKILL',
    'SIGTERM',
  ]);
  expect(spared.exitCode ?? spared.signalCode).toBeNull();
});

test('signals of a terminal do not reach it before its work is done', async () => {
  const child = await sleeper();
  const gone = once(child, 'exit');
  const helper = await undertaker();
  helper.stdin?.write(`add ${child.pid}\n`);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) helper.kill(signal);
  helper.stdin?.end();
  await gone;
});

test('a supervisor that is killed takes its processes and its state file along', async () => {
  const state = join(dir, 'state.json');
  const supervisor = spawn(
    process.execPath,
    [
      '-e',
      `const { spawn } = require('node:child_process');
       const child = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
       const helper = spawn('/bin/sh', [${JSON.stringify(script)}], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
       helper.stdin.write('add ' + child.pid + '\\nstate ${state}\\n');
       console.log(child.pid + ' ' + helper.pid);
       setInterval(() => {}, 1000);`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [line] = (await once(supervisor.stdout, 'data')) as [Buffer];
  const pids = line.toString().trim().split(' ').map(Number);
  await writeFile(state, JSON.stringify({ pid: supervisor.pid, start: 'then' }, null, 2));

  supervisor.kill('SIGKILL');

  await expect.poll(() => pids.some(isAlive), { timeout: 10_000 }).toBe(false);
  expect(existsSync(state)).toBe(false);
});
