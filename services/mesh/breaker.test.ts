import { afterEach, expect, test } from 'vitest';
import { failure } from '../../contracts/errors.js';
import { breaker, type Breaker, type BreakerOutcome, Breakers } from './breaker.js';
import { systemClock } from './clock.js';
import { seededRandom } from './random.js';
import { waitUntil } from './testing/wait-until.js';

// opossum keeps its own time, so these wait for its states with a short reset.
const breakers = new Breakers(systemClock, seededRandom(1), { resetMs: 20 });
const open: Breaker[] = [];
const make = () => {
  const made = breakers.make('replica');
  open.push(made);
  return made;
};
afterEach(() => {
  for (const made of open.splice(0)) made.close();
});

const settled = () => new Promise((resolve) => setImmediate(resolve));
async function calls(guard: Breaker, outcome: BreakerOutcome, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    guard.admit()?.(outcome);
    await settled();
  }
}

test('it blocks when most of at least twenty calls failed, not at the first failure', async () => {
  const guard = make();
  await calls(guard, 'failed', 19);
  expect(guard.passing()).toBe(true);
  await calls(guard, 'failed', 1);
  expect(guard.blocked()).toBe(true);
  expect(guard.admit()).toBeUndefined();
});

test('half of the calls failing is not most of them', async () => {
  const guard = make();
  for (let i = 0; i < 30; i++) {
    await calls(guard, 'succeeded', 1);
    await calls(guard, 'failed', 1);
  }
  expect(guard.passing()).toBe(true);
});

test('after a while one probe is let through; its success lets everybody through', async () => {
  const guard = make();
  await calls(guard, 'failed', 20);
  await waitUntil('it wants a probe', () => guard.probing());
  const probe = guard.admit();
  expect(probe).toBeDefined();
  expect(guard.admit()).toBeUndefined();
  probe?.('succeeded');
  await waitUntil('it passes', () => guard.passing());
});

test('a probe that fails, or whose caller went away, blocks again', async () => {
  const guard = make();
  await calls(guard, 'failed', 20);
  for (const outcome of ['failed', 'abandoned'] as const) {
    await waitUntil('it wants a probe', () => guard.probing() && !guard.blocked());
    guard.admit()?.(outcome);
    await waitUntil('it blocks', () => guard.blocked() && !guard.probing());
  }
});

test('a late answer lets everybody through, and who waits is told', async () => {
  let told = 0;
  const patient = new Breakers(systemClock, seededRandom(1), { resetMs: 60_000, closed: () => told++ });
  const guard = patient.make('replica');
  open.push(guard);
  guard.vouch();
  expect(told).toBe(0);
  await calls(guard, 'failed', 20);
  expect(guard.blocked()).toBe(true);
  guard.vouch();
  expect(guard.passing()).toBe(true);
  expect(told).toBe(1);
  patient.close();
});

test('callers that go away do not count against the other side', async () => {
  const guard = make();
  await calls(guard, 'abandoned', 100);
  expect(guard.passing()).toBe(true);
});

test('as a policy it counts failures of the other side and not bad requests', async () => {
  const bad = make();
  const signal = new AbortController().signal;
  const refuse = breaker(bad)<number, never>(() => Promise.reject(failure('BAD_REQUEST', 'no')));
  for (let i = 0; i < 40; i++) await expect(refuse(1, signal)).rejects.toThrow('no');
  expect(bad.passing()).toBe(true);
  const broken = make();
  const fail = breaker(broken)<number, never>(() => Promise.reject(failure('ENGINE_FAILED', 'gone')));
  for (let i = 0; i < 20; i++) await expect(fail(1, signal)).rejects.toThrow('gone');
  await expect(fail(1, signal)).rejects.toMatchObject({ code: 'BREAKER_OPEN' });
});
