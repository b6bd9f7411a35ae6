import { expect, test } from 'vitest';
import { type Clock, systemClock } from './clock.js';
import { FakeClock } from './testing/fake-clock.js';

test.each<[string, Clock, (ms: number) => Promise<void> | void]>([
  ['the system clock', systemClock, () => undefined],
  ...[new FakeClock()].map((fake): [string, Clock, (ms: number) => Promise<void>] => [
    'the fake clock',
    fake,
    (ms) => fake.advance(ms),
  ]),
])('%s: a sleep ends, or rejects with the reason of its signal', async (_, clock, pass) => {
  const slept = clock.sleep(5);
  await pass(5);
  await slept;
  const stop = new AbortController();
  const stopped = clock.sleep(60_000, stop.signal);
  stop.abort(new Error('enough'));
  await expect(stopped).rejects.toThrow('enough');
  await expect(clock.sleep(1, stop.signal)).rejects.toThrow('enough');
});

test('the fake clock fires what is due, in order, and only then', async () => {
  const clock = new FakeClock(0);
  const fired: string[] = [];
  clock.after(30, () => fired.push(`late at ${clock.now()}`));
  clock.after(10, () => fired.push(`early at ${clock.now()}`));
  const stop = clock.every(20, () => fired.push(`every at ${clock.now()}`));
  clock.after(15, () => fired.push('never'))();
  await clock.advance(9);
  expect(fired).toEqual([]);
  await clock.advance(31);
  expect(fired).toEqual(['early at 10', 'every at 20', 'late at 30', 'every at 40']);
  stop();
  expect(clock.pending).toBe(0);
});

test('what a timer sets going is done before the next one fires', async () => {
  const clock = new FakeClock(0);
  const seen: number[] = [];
  const loop = async () => {
    for (let i = 0; i < 3; i++) {
      await clock.sleep(10);
      seen.push(clock.now());
    }
  };
  const done = loop();
  await clock.advance(100);
  await done;
  expect(seen).toEqual([10, 20, 30]);
});
