import { expect, test } from 'vitest';
import { systemClock } from '../../mesh/clock.js';
import { RunLoop, type Turn } from './run-loop.js';

const counted = (name: string, turns: number, order: string[]): Turn => {
  let left = turns;
  return {
    waiting: 1,
    runMax: 1,
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

test.each([
  { coming: [3, 2, 0, 4], runMax: 64, had: 1 + 3 + 2, what: 'as long as each look brings more' },
  { coming: [3, 2, 2, 4], runMax: 5, had: 1 + 3 + 2, what: 'until one run has enough' },
  { coming: [0, 4], runMax: 64, had: 1, what: 'not at all for one that came alone' },
  { coming: Array.from({ length: 40 }, () => 1), runMax: 64, had: 2 + 8, what: 'for some looks at most' },
])('what comes at the head of a burst waits for the rest of it $what', async ({ coming, runMax, had }) => {
  // The first of them come in the same read.
  const [first = 0, ...later] = coming;
  let waiting = 1 + first;
  let ranWith = 0;
  const loop = new RunLoop(parts);
  loop.wake({
    get waiting() {
      return waiting;
    },
    runMax,
    runOnce: () => {
      ranWith ||= waiting;
      return Promise.resolve(false);
    },
  });
  for (const more of later) {
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (ranWith > 0) break;
    waiting += more;
  }
  await settled();
  expect(ranWith).toBe(had);
});
