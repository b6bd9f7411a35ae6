import { expect, test } from 'vitest';
import { FakeClock } from '../testing/fake-clock.js';
import { Wake } from './wake.js';

const never = new AbortController().signal;

test('news ends the sleep, also when it came between the mark and the sleep', async () => {
  const clock = new FakeClock();
  const wake = new Wake(clock);
  const mark = wake.mark();
  wake.nudge();
  wake.nudge();
  await wake.sleep(1_000, mark, never);
  const sleeping = wake.sleep(1_000, wake.mark(), never);
  wake.nudge();
  await sleeping;
  expect(clock.pending).toBe(0);
});

test('without news it sleeps its time, and the end of the loop ends it', async () => {
  const clock = new FakeClock();
  const wake = new Wake(clock);
  let awake = 0;
  const end = new AbortController();
  void wake.sleep(1_000, wake.mark(), end.signal).then(() => awake++);
  await clock.advance(999);
  expect(awake).toBe(0);
  await clock.advance(1);
  expect(awake).toBe(1);
  const sleeping = wake.sleep(1_000, wake.mark(), end.signal);
  end.abort();
  await sleeping;
  expect(clock.pending).toBe(0);
});
