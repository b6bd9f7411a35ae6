// What Slurm's tools print, what a job is to the keeper, and what a job runs. The cluster itself is the drill's, `npm run -s chaos -- slurm`.
import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { waitUntil } from '../../mesh/testing/wait-until.js';
import { readJob, seconds, type SlurmJob } from './slurm-commands.js';
import { leaseOf, nodeOf } from './slurm-lease.js';
import { nodeScript } from './slurm-script.js';

const job = (more: Partial<SlurmJob> = {}): SlurmJob => ({
  id: '7',
  name: 'pool-east-1-1',
  state: 'RUNNING',
  reason: 'None',
  host: 'one',
  ranS: 600,
  leftS: 3_000,
  ...more,
});
const nowhere = new Set<string>();

test.each([
  ['59:50', 3_590],
  ['1:29:45', 5_385],
  ['2-03:00:01', 183_601],
  ['UNLIMITED', Infinity],
  ['INVALID', 0],
])('the time %s is %d seconds', (text, expected) => {
  expect(seconds(text)).toBe(expected);
});

test('a line of the queue is read, and a name may hold anything', () => {
  expect(readJob('7|RUNNING|10:00|50:00|one|None|pool|east')).toEqual([job({ name: 'pool|east' })]);
  expect(readJob('')).toEqual([]);
});

test('a job that waits is queued, unless it never will run', () => {
  const waiting = job({ state: 'PENDING', host: '', reason: 'Resources' });
  expect(nodeOf(waiting, nowhere, 60).state).toBe('queued');
  for (const reason of ['JobHeldUser', 'BadConstraints', 'PartitionTimeLimit', 'launch failed requeued held'])
    expect(nodeOf({ ...waiting, reason }, nowhere, 60).state).toBe('there');
});

test('a job is ending when its time is nearly up, or its machine is to be left', () => {
  expect(nodeOf(job(), nowhere, 60).state).toBe('there');
  expect(nodeOf(job({ leftS: 899 }), nowhere, 60).state).toBe('ending');
  expect(nodeOf(job(), new Set(['one']), 60).state).toBe('ending');
  expect(nodeOf(job({ leftS: Infinity }), nowhere, 60).state).toBe('there');
});

test('its limit moves when half of it is over: a whole lease from when it may be asked to end', () => {
  expect(leaseOf(job({ leftS: 1_801 }), nowhere, 60)).toBeUndefined();
  expect(leaseOf(job({ ranS: 1_830, leftS: 1_770 }), nowhere, 60)).toBe(92);
  expect(leaseOf(job({ leftS: 1_000 }), new Set(['one']), 60)).toBeUndefined();
  expect(leaseOf(job({ state: 'PENDING', leftS: 10 }), nowhere, 60)).toBeUndefined();
});

test('a short lease moves before Slurm may ask the job to end, a minute early as it does', () => {
  const [asked, minute] = [67, 60];
  let limit = 1;
  for (let ranS = 1; ranS < 600; ranS++) {
    const next = leaseOf(job({ ranS, leftS: limit * minute - ranS }), nowhere, 1);
    if (next !== undefined) expect(next).toBeGreaterThan(limit);
    limit = next ?? limit;
    expect(limit * minute - ranS).toBeGreaterThanOrEqual(asked);
  }
});

let dir: string;
beforeEach(async () => void (dir = await mkdtemp(join(tmpdir(), 'massif-slurm-script-'))));
afterEach(() => rm(dir, { recursive: true, force: true }));

/** The script with a shard host that is `program`, and a `scontrol` that writes down what it is asked. */
async function begin(program: string, restarts = '0') {
  const scontrol = join(dir, 'scontrol');
  await writeFile(scontrol, `#!/bin/sh\necho "$@" >> '${join(dir, 'asked')}'\n`);
  await chmod(scontrol, 0o755);
  const entry = join(dir, "it's.mjs");
  await writeFile(entry, program);
  const env = { PATH: `${dir}:/usr/bin:/bin`, MASSIF_DATA: join(dir, 'a b') };
  const text = nodeScript({ node: process.execPath, entry, env, restartsMax: 2 });
  const child = spawn('sh', ['-s'], {
    env: { SLURM_JOB_ID: '7', SLURM_RESTART_COUNT: restarts },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (part: Buffer) => (output += part.toString()));
  child.stdin.end(text);
  const code = new Promise<number | null>((done) => child.once('close', done));
  const asked = (): Promise<string> => readFile(join(dir, 'asked'), 'utf8').catch(() => '');
  return { child, code, asked, output: () => output };
}

test('a shard host that dies puts its job into the queue again, so often and no more', async () => {
  const died = await begin('process.exit(3)');
  await died.code;
  expect(await died.asked()).toBe('requeue 7\n');
  const again = await begin('process.exit(3)', '2');
  expect(await again.code).toBe(3);
  expect(await again.asked()).toBe('requeue 7\n');
});

test('a job that is asked to end waits until its shard host has drained, and is not queued again', async () => {
  const { child, code, asked, output } = await begin(
    `process.on('SIGTERM', () => setTimeout(() => { console.log('drained'); process.exit(1); }, 300));
     setInterval(() => undefined, 1000);
     console.log('ready');`,
  );
  await waitUntil('the host runs', () => output().includes('ready'));
  child.kill('SIGTERM');
  expect(await code).toBe(0);
  expect(output()).toBe('ready\ndrained\n');
  expect(await asked()).toBe('');
});
