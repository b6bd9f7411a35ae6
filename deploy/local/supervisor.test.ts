import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ProcessSpec } from './child.js';
import { isAlive } from './identity.mjs';
import { Supervisor } from './supervisor.js';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-supervisor-'));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

/** A small service: ready at once, leaves a line in the journal when it is told to go. */
function service(name: string, code = ''): ProcessSpec {
  const journal = JSON.stringify(join(dir, 'journal'));
  return {
    name,
    kind: 'test',
    command: process.execPath,
    args: [
      '-e',
      `const { appendFileSync } = require('node:fs');
       process.on('SIGTERM', () => { appendFileSync(${journal}, '${name} '); process.exit(0); });
       setInterval(() => {}, 1000);
       ${code}
       process.send({ type: 'ready' });`,
    ],
    env: {},
    ready: 'message',
    readyWithinMs: 10_000,
  };
}

test('a process that is held stays away until it may come back, and a stop does not wait for it', async () => {
  await using supervisor = new Supervisor({ logs: dir });
  await supervisor.start([service('one')]);
  const one = supervisor.process('one');
  const before = one.pid;
  one.hold();
  await one.reaches('backoff');
  await sleep(1_000); // longer than the first pause
  expect(one.pid).toBeUndefined();
  one.resume();
  await one.reaches('ready');
  expect(one.pid).not.toBe(before);
  one.hold();
  await one.reaches('backoff');
});

test('a killed process is back with another pid', async () => {
  await using supervisor = new Supervisor({ logs: dir });
  await supervisor.start([service('one'), service('two')]);
  const one = supervisor.process('one');
  const before = one.pid;

  one.signal('SIGKILL');
  await one.reaches('backoff');
  await one.reaches('ready');

  expect(one.pid).not.toBe(before);
  expect(supervisor.list().map(({ name, state, restarts }) => `${name} ${state} ${restarts}`)).toEqual([
    'one ready 1',
    'two ready 0',
  ]);
});

test('what was started last leaves first', async () => {
  const supervisor = new Supervisor({ logs: dir });
  await supervisor.start([service('server')]);
  await supervisor.start([service('registry')]);
  await supervisor.start([service('shard')]);
  await supervisor.stop();
  expect(await readFile(join(dir, 'journal'), 'utf8')).toBe('shard registry server ');
});

test('a process that does not listen is killed when its time is up, with what it started', async () => {
  const supervisor = new Supervisor({ logs: dir, graceMs: 300 });
  const deaf = service(
    'deaf',
    `process.removeAllListeners('SIGTERM');
     process.on('SIGTERM', () => {});
     const engine = require('node:child_process').spawn('sleep', ['1000'], { stdio: 'ignore' });
     console.log('engine ' + engine.pid);`,
  );
  await supervisor.start([deaf]);
  const [, engine] = /engine (\d+)/.exec(await readFile(join(dir, 'deaf.log'), 'utf8')) ?? [];
  expect(isAlive(Number(engine))).toBe(true);
  await supervisor.stop();
  await expect.poll(() => isAlive(Number(engine))).toBe(false);
});

test('a frozen process is stopped too', async () => {
  const supervisor = new Supervisor({ logs: dir });
  await supervisor.start([service('frozen')]);
  supervisor.process('frozen').signal('SIGSTOP');
  await supervisor.stop();
});

test('a process that never comes up is given up, with its last words', async () => {
  await using supervisor = new Supervisor({ logs: dir });
  const broken = service('broken', `console.error('no such setting'); process.exit(3);`);
  await expect(supervisor.start([broken])).rejects.toThrow(/broken ended with code 3[^]*no such setting/);
  expect(supervisor.process('broken').state).toBe('stopped');
});

test('stopping while a process is still starting leaves nothing behind', async () => {
  const supervisor = new Supervisor({ logs: dir });
  const slow = { ...service('slow'), ready: () => false };
  const starting = supervisor.start([{ ...slow, args: ['-e', 'setInterval(() => {}, 1000)'] }]);
  const pid = supervisor.process('slow').pid ?? 0;
  const [outcome] = await Promise.allSettled([starting, supervisor.stop()]);
  expect(outcome.status).toBe('rejected');
  expect(isAlive(pid)).toBe(false);
});
