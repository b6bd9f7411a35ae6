import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { stepBack } from './step-back.js';

const children: ChildProcess[] = [];
const sleeper = (detached: boolean): number => {
  const child = spawn('sleep', ['60'], { detached, stdio: 'ignore' });
  children.push(child);
  return child.pid ?? 0;
};
const nicenessOf = (pid: number): number =>
  Number(/nice (-?\d+)/.exec(readFileSync(`/proc/${pid}/autogroup`, 'utf8'))?.[1]);
const weighsSessions = existsSync('/proc/self/autogroup');

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

test.runIf(weighsSessions)('who leads a session steps back with all of it', () => {
  const leader = sleeper(true);
  stepBack(3, leader);
  expect(nicenessOf(leader)).toBe(3);
});

test.runIf(weighsSessions)('who lives in the session of another leaves it as it is', () => {
  const guest = sleeper(false);
  const before = nicenessOf(guest);
  stepBack(7, guest);
  expect(nicenessOf(guest)).toBe(before);
});

test('a process that has ended is passed over', () => {
  expect(() => stepBack(3, 4_194_305)).not.toThrow();
});
