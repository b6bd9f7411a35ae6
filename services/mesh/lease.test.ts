import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buckets } from '../../contracts/buckets.js';
import { type ConsulServer, startConsul } from '../../deploy/local/consul.js';
import { type NatsServer, startNats } from '../../deploy/local/nats.js';
import { type Bus, connectBus } from './bus.js';
import { type Clock, systemClock } from './clock.js';
import { ConsulAgent } from './consul-agent.js';
import { lockKey } from './held-lease.js';
import { type Lease, Leases } from './lease.js';
import { silentLog } from './log.js';
import { waitUntil } from './testing/wait-until.js';

let dir: string;
let nats: NatsServer;
let consul: ConsulServer;

interface Contender extends AsyncDisposable {
  readonly name: string;
  readonly bus: Bus;
  readonly leases: Leases;
  readonly agent: ConsulAgent;
  /** All its loops stop where they wait, as in a stopped process, until it thaws. */
  freeze(): void;
  thaw(): void;
}
let serial = 0;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-lease-'));
  nats = await startNats({ dir: join(dir, 'nats'), region: 'east' });
  consul = await startConsul({ dir: join(dir, 'consul'), region: 'east' });
});
afterAll(async () => {
  await Promise.all([nats.stop(), consul.stop()]);
  await rm(dir, { recursive: true, force: true });
});

async function contender(name = `contender-${++serial}`): Promise<Contender> {
  const bus = await connectBus({ url: nats.url, name, region: 'east' });
  const epochs = await bus.kv(buckets.leases('east'), { create: { history: 1, allow_direct: true } });
  const agent = new ConsulAgent(consul.url);
  let thaw: (() => void) | undefined;
  let frozen: Promise<void> | undefined;
  const clock: Clock = {
    ...systemClock,
    sleep: async (ms, signal) => {
      await systemClock.sleep(ms, signal);
      await frozen;
    },
  };
  const leases = new Leases({ agent, epochs, instance: name, service: 'registry', clock, log: silentLog });
  const freeze = (): void => {
    frozen = new Promise((resolve) => (thaw = resolve));
  };
  return {
    name,
    bus,
    leases,
    agent,
    freeze,
    thaw: () => thaw?.(),
    async [Symbol.asyncDispose]() {
      await leases.close();
      agent.close();
      await bus.nc.close();
    },
  };
}

const never = new AbortController().signal;

/** A lease that somebody waits for: undefined until it is held. */
function waiting(one: Contender, key: string, signal = never): { readonly lease: Lease | undefined } {
  const state: { lease: Lease | undefined } = { lease: undefined };
  one.leases.acquire(key, signal).then(
    (lease) => (state.lease = lease),
    () => undefined,
  );
  return state;
}

// Most of their time is waiting: for checks of Consul, for delays of its locks.
describe.concurrent('while the servers are there', () => {
  test('one of two holds it; after a release the other does, with a higher epoch', async () => {
    await using a = await contender();
    await using b = await contender();
    const first = await a.leases.acquire('release', never);
    const second = waiting(b, 'release');
    // Several renewals later it is still one.
    await waitUntil('the holder has renewed', async () => {
      const record = await (await a.bus.kv(buckets.leases('east'))).get('release');
      return (record?.revision ?? 0) > first.epoch + 2;
    });
    expect(second.lease).toBeUndefined();
    await first.release();
    await waitUntil('the other holds it', () => second.lease);
    expect(second.lease?.epoch).toBeGreaterThan(first.epoch);
    expect(first.lost.aborted).toBe(false);
  });

  test('a holder that is killed and back within the time of its check is not locked out by its earlier life', async () => {
    await using before = await contender();
    const held = await before.leases.acquire('quick', never);
    before.freeze();
    await using after = await contender(before.name);
    const next = waiting(after, 'quick');
    const again = await waitUntil('the next life holds it', () => next.lease, 20_000);
    expect(again.epoch).toBeGreaterThan(held.epoch);
    before.thaw();
  });

  test('of many who want it exactly one gets it', async () => {
    await using a = await contender();
    await using b = await contender();
    await using c = await contender();
    await using d = await contender();
    const all = [a, b, c, d];
    const states = all.map((one) => waiting(one, 'crowd'));
    await waitUntil('one holds it', () => states.some((state) => state.lease));
    const held = states.filter((state) => state.lease);
    expect(held).toHaveLength(1);
    await held[0]?.lease?.release();
    await waitUntil('another holds it', () => states.filter((state) => state.lease).length === 2);
  });

  test('a holder that freezes is followed by another, and knows that it lost when it thaws', async () => {
    await using a = await contender();
    await using b = await contender();
    const first = await a.leases.acquire('freezes', never);
    const second = waiting(b, 'freezes');
    a.freeze();
    await waitUntil('the other holds it', () => second.lease, 15_000);
    expect(second.lease?.epoch).toBeGreaterThan(first.epoch);
    a.thaw();
    await waitUntil('the first knows', () => first.lost.aborted);
    expect(second.lease?.lost.aborted).toBe(false);
  }, 30_000);

  test('a holder whose lock Consul gave away keeps the lease as long as it renews', async () => {
    await using a = await contender();
    await using b = await contender();
    const first = await a.leases.acquire('given-away', never);
    const second = waiting(b, 'given-away');
    const lock = async () => {
      const { value } = await a.agent.lockHolder(lockKey('given-away'), {
        index: 0n,
        waitMs: 1,
        signal: never,
      });
      return value;
    };
    const session = await waitUntil('the lock is held', lock);
    // Several times, so that the other gets it at least once.
    for (let i = 0; i < 3; i++) {
      await a.agent.release(lockKey('given-away'), session);
      await waitUntil('somebody has it', lock);
      await waitUntil('the holder has it again', async () => (await lock()) === session, 15_000);
    }
    expect(second.lease).toBeUndefined();
    expect(first.lost.aborted).toBe(false);
  }, 60_000);

  test('a holder whose epoch was taken knows that it lost', async () => {
    await using a = await contender();
    const first = await a.leases.acquire('taken', never);
    const epochs = await a.bus.kv(buckets.leases('east'));
    await epochs.put('taken', JSON.stringify({ holder: 'somebody', epoch: 0 }));
    await waitUntil('it knows', () => first.lost.aborted);
  });

  test('waiting for a lease ends with its signal', async () => {
    await using a = await contender();
    await using b = await contender();
    await a.leases.acquire('patience', never);
    const patience = new AbortController();
    const second = b.leases.acquire('patience', patience.signal);
    patience.abort(new Error('enough'));
    await expect(second).rejects.toThrow('enough');
    // And it may be asked for again.
    waiting(b, 'patience');
  });
});

test('while Consul is killed the holder goes on and nobody takes over; after its return the holder still has it', async () => {
  await using a = await contender();
  await using b = await contender();
  const first = await a.leases.acquire('consul-away', never);
  const second = waiting(b, 'consul-away');
  const epochs = await a.bus.kv(buckets.leases('east'));
  const renewals = async (count: number) => {
    const from = (await epochs.get('consul-away'))?.revision ?? 0;
    await waitUntil(
      `${count} renewals`,
      async () => ((await epochs.get('consul-away'))?.revision ?? 0) >= from + count,
      15_000,
    );
  };
  await consul.kill('SIGKILL');
  // More than Consul's check and lock delay together.
  await renewals(8);
  expect(first.lost.aborted).toBe(false);
  expect(second.lease).toBeUndefined();

  await consul.restart();
  await renewals(7);
  expect(first.lost.aborted).toBe(false);
  expect(second.lease).toBeUndefined();

  await first.release();
  await waitUntil('the other holds it after the release', () => second.lease, 20_000);
}, 60_000);

test('while NATS is killed the holder goes on by its Consul lock, and keeps its epoch after the restart', async () => {
  await using a = await contender();
  await using b = await contender();
  const first = await a.leases.acquire('nats-away', never);
  const second = waiting(b, 'nats-away');
  await nats.kill('SIGKILL');
  await waitUntil('the holder is cut off', () => !a.bus.connected());
  await nats.restart();
  await waitUntil('the holder is back', () => a.bus.connected());
  const epochs = await a.bus.kv(buckets.leases('east'));
  const from = (await epochs.get('nats-away'))?.revision ?? 0;
  await waitUntil('it renews', async () => ((await epochs.get('nats-away'))?.revision ?? 0) > from + 2);
  expect(first.lost.aborted).toBe(false);
  expect(second.lease).toBeUndefined();
}, 60_000);

test('a holder cut off from both knows that it lost', async () => {
  await using a = await contender();
  const first = await a.leases.acquire('both-away', never);
  await Promise.all([consul.kill('SIGKILL'), nats.kill('SIGKILL')]);
  await waitUntil('it gives up', () => first.lost.aborted, 15_000);
  expect(first.lost.reason).toMatchObject({ code: 'LEASE_LOST' });
  await Promise.all([consul.restart(), nats.restart()]);
}, 60_000);
