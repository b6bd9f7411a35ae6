import { expect, test } from 'vitest';
import { failure } from '../../contracts/errors.js';
import { Actor, type Behaviour } from './actor.js';
import { silentLog } from './log.js';
import { seededRandom } from './random.js';
import { FakeClock } from './testing/fake-clock.js';

type Message = 'add' | 'hold' | 'refuse' | 'crash';

/** Counts, and can be turned: a held message ends when the test lets it. */
function counter() {
  const clock = new FakeClock();
  const seen = { made: 0, most: 0, running: 0, stopped: 0, escalated: [] as string[], aborted: 0 };
  const releases: (() => void)[] = [];
  const make = (): Behaviour<Message, number> => {
    let count = 0;
    seen.made++;
    return {
      async receive(message, signal) {
        seen.most = Math.max(seen.most, ++seen.running);
        signal.addEventListener('abort', () => seen.aborted++);
        try {
          if (message === 'hold') await new Promise<void>((resolve) => releases.push(resolve));
          if (message === 'refuse') throw failure('CONFLICT', 'not now');
          if (message === 'crash') throw new TypeError('a mistake of ours');
          return ++count;
        } finally {
          seen.running--;
        }
      },
      stopped: async () => void seen.stopped++,
    };
  };
  const actor = new Actor<Message, number>({
    address: 'actor.counter.1',
    make,
    clock,
    random: seededRandom(1),
    log: silentLog,
    limits: { messagesMax: 3, bytesMax: 1_000 },
    escalate: (address) => seen.escalated.push(address),
  });
  const ask = (message: Message, more: { requestId?: string; timeoutMs?: number } = {}) =>
    actor.ask(message, { timeoutMs: 1_000, ...more });
  return { clock, actor, ask, seen, release: () => releases.shift()?.() };
}

test('messages are handled one at a time, in the order they came', async () => {
  const { ask, seen } = counter();
  expect(await Promise.all([ask('add'), ask('add'), ask('add')])).toEqual([1, 2, 3]);
  expect(seen).toMatchObject({ made: 1, most: 1 });
});

test('a full mailbox is an answer', async () => {
  const { ask, release } = counter();
  const held = ask('hold');
  const waiting = [ask('add'), ask('add'), ask('add')];
  await expect(ask('add')).rejects.toMatchObject({ code: 'MAILBOX_FULL' });
  release();
  expect(await Promise.all([held, ...waiting])).toEqual([1, 2, 3, 4]);
});

test('a message whose time ran out while it waited is not begun, and one under way is told to stop', async () => {
  const { ask, clock, seen, release } = counter();
  const held = expect(ask('hold', { timeoutMs: 100 })).rejects.toMatchObject({ code: 'DEADLINE' });
  const waiting = expect(ask('add', { timeoutMs: 50 })).rejects.toMatchObject({ code: 'DEADLINE' });
  await clock.advance(100);
  await held;
  expect(seen.aborted).toBe(1);
  release();
  await waiting;
  expect(await ask('add')).toBe(2); // the held one counted, the late one did not
});

test('a request that comes twice has its effect once', async () => {
  const { ask } = counter();
  expect(await ask('add', { requestId: 'r' })).toBe(1);
  expect(await ask('add', { requestId: 'r' })).toBe(1);
  expect(await ask('add')).toBe(2);
});

test('a failure is an answer and leaves the state, a crash makes a fresh one after a wait', async () => {
  const { ask, clock, seen } = counter();
  await ask('add');
  await expect(ask('refuse')).rejects.toMatchObject({ code: 'CONFLICT' });
  expect(await ask('add')).toBe(2);
  await expect(ask('crash')).rejects.toMatchObject({ code: 'INTERNAL' });
  const next = ask('add');
  await clock.advance(120);
  expect(await next).toBe(1);
  expect(seen.made).toBe(2);
});

test('the fourth crash within a minute stops it, refuses who waits, and goes up', async () => {
  const { ask, clock, actor, seen } = counter();
  for (let crash = 0; crash < 3; crash++) {
    await expect(ask('crash')).rejects.toMatchObject({ code: 'INTERNAL' });
    await clock.advance(1_000);
  }
  const crash = expect(ask('crash')).rejects.toMatchObject({ code: 'INTERNAL' });
  const waiting = expect(ask('add')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await crash;
  await waiting;
  expect([actor.state, seen.escalated]).toEqual(['stopped', ['actor.counter.1']]);
  await expect(ask('add')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});

test('stopping lets the message under way end and refuses the rest', async () => {
  const { ask, actor, seen, release, clock } = counter();
  const held = ask('hold');
  const waiting = expect(ask('add')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await clock.advance(1);
  const stopping = actor.stop();
  await waiting;
  expect(actor.state).toBe('stopping');
  release();
  expect(await held).toBe(1);
  await stopping;
  expect([actor.state, seen.stopped]).toEqual(['stopped', 1]);
});
