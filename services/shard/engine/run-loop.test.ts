import { expect, test } from 'vitest';
import { systemClock } from '../../mesh/clock.js';
import { RunLoop, type Turn } from './run-loop.js';

const counted = (name: string, turns: number, order: string[]): Turn => {
  let left = turns;
  return {
    runOnce: async () => {
      await new Promise<void>((resolve) => setImmediate(resolve));
      order.push(name);
      return --left > 0;
    },
  };
};

const parts = {
  clock: systemClock,
  transit: { ofMessage: () => 0, measure: () => undefined },
  beforeBlock: () => undefined,
  afterLongBlock: () => Promise.resolve(),
};

const settled = async (): Promise<void> => {
  for (let i = 0; i < 50; i++) await new Promise<void>((resolve) => setImmediate(resolve));
};

test('a replica with a long queue lets its neighbours take their turns', async () => {
  const order: string[] = [];
  const loop = new RunLoop(parts);
  loop.wake(counted('busy', 4, order));
  loop.wake(counted('quiet', 1, order));
  await settled();
  expect(order).toEqual(['busy', 'quiet', 'busy', 'busy', 'busy']);
});

test('work that comes after everything was done is run too', async () => {
  const order: string[] = [];
  const loop = new RunLoop(parts);
  loop.wake(counted('first', 1, order));
  await settled();
  loop.wake(counted('second', 1, order));
  await settled();
  expect(order).toEqual(['first', 'second']);
});

test('what is read straight after a long run may have waited as long as the run, what comes later has not', async () => {
  let nowMs = 0;
  const loop = new RunLoop({ ...parts, clock: { monotonicMs: () => nowMs } });
  await loop.blocking(() => {
    nowMs += 3_000;
    return Promise.resolve();
  });
  expect(loop.unreadMsMax(nowMs)).toBe(3_000);
  await new Promise<void>((resolve) => setImmediate(resolve));
  expect(loop.unreadMsMax(nowMs)).toBe(0);
});

test('after a block that may have cost the connection, the answer waits until there is one again', async () => {
  const order: string[] = [];
  let nowMs = 0;
  const connected = async (): Promise<void> => {
    await new Promise<void>((resolve) => setImmediate(resolve));
    order.push('connected');
  };
  const loop = new RunLoop({ ...parts, clock: { monotonicMs: () => nowMs }, afterLongBlock: connected });
  const run = (ms: number) =>
    loop.blocking(() => {
      nowMs += ms;
      return Promise.resolve();
    });
  await run(100);
  order.push('short');
  await run(3_000);
  order.push('long');
  expect(order).toEqual(['short', 'connected', 'long']);
});
