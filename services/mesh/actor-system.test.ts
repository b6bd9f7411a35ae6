import { expect, test } from 'vitest';
import { failure } from '../../contracts/errors.js';
import { type ActivationLease, type ActorKind, ActorSystem } from './actor-system.js';
import { seededRandom } from './random.js';
import { FakeClock } from './testing/fake-clock.js';

const ask = { timeoutMs: 1_000 };

function system(more: Partial<ActorKind<string, string>> = {}) {
  const clock = new FakeClock();
  const stopped: string[] = [];
  const made = new ActorSystem<string, string>(
    {
      make: (address, epoch) => {
        let seen = 0;
        return {
          receive: (message) => `${message} ${++seen} in epoch ${epoch}`,
          stopped: async () => void stopped.push(address),
        };
      },
      ...more,
    },
    { clock, random: seededRandom(1) },
  );
  return { clock, system: made, stopped };
}

test('an actor is made by its first message and keeps its state', async () => {
  const { system: actors } = system();
  expect(await actors.ask('job.a', 'hello', ask)).toBe('hello 1 in epoch 0');
  expect(await actors.ask('job.a', 'again', ask)).toBe('again 2 in epoch 0');
  expect(await actors.ask('job.b', 'hello', ask)).toBe('hello 1 in epoch 0');
  expect(actors.addresses()).toEqual(['job.a', 'job.b']);
});

test('an idle actor sleeps, and the next message wakes a new one', async () => {
  const { system: actors, clock, stopped } = system();
  await actors.ask('job.a', 'hello', ask);
  await clock.advance(16 * 60_000);
  expect([actors.addresses(), stopped]).toEqual([[], ['job.a']]);
  expect(await actors.ask('job.a', 'hello', ask)).toBe('hello 1 in epoch 0');
});

test('where a lease is asked for, its epoch reaches the behaviour, and losing it stops the actor', async () => {
  const leases: { lose: () => void; released: boolean }[] = [];
  const lease = async (): Promise<ActivationLease> => {
    const lost = new AbortController();
    const held = { lose: () => lost.abort(), released: false };
    leases.push(held);
    return { epoch: 40 + leases.length, lost: lost.signal, release: async () => void (held.released = true) };
  };
  const { system: actors, clock, stopped } = system({ lease });
  expect(await Promise.all([actors.ask('job.a', 'x', ask), actors.ask('job.a', 'x', ask)])).toEqual([
    'x 1 in epoch 41',
    'x 2 in epoch 41',
  ]);
  leases[0]?.lose();
  await clock.advance(1);
  expect([stopped, leases[0]?.released]).toEqual([['job.a'], true]);
  expect(await actors.ask('job.a', 'x', ask)).toBe('x 1 in epoch 42');
});

test('a lease that cannot be had is the answer, and the next message tries again', async () => {
  let tries = 0;
  const lease = () => Promise.reject(failure('UNAVAILABLE', `no lease, try ${++tries}`));
  const { system: actors } = system({ lease });
  await expect(actors.ask('job.a', 'x', ask)).rejects.toThrow('try 1');
  await expect(actors.ask('job.a', 'x', ask)).rejects.toThrow('try 2');
});

test('closing stops all and leaves no timer', async () => {
  const { system: actors, clock, stopped } = system();
  await actors.ask('job.a', 'x', ask);
  await actors.ask('job.b', 'x', ask);
  await actors.close();
  expect(stopped).toEqual(['job.a', 'job.b']);
  expect(clock.pending).toBe(0);
  await expect(actors.ask('job.c', 'x', ask)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});
