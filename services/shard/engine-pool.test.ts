// The pool with real engines on a real NATS server; only its clock stands still until a test moves it.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startNats } from '../../deploy/local/nats.js';
import { coresOf } from '../mesh/leave-a-core.js';
import { silentLog } from '../mesh/log.js';
import { systemRandom } from '../mesh/random.js';
import { FakeClock } from '../mesh/testing/fake-clock.js';
import { waitUntil } from '../mesh/testing/wait-until.js';
import { CROWD, type EngineNeed } from './engine-choice.js';
import { EnginePool } from './engine-pool.js';
import type { PooledEngine } from './pooled-engine.js';
import { engineEntry } from './testing/engine-entry.js';

const clock = new FakeClock();
const shared: EngineNeed = { kind: 'shared', group: 'default', hot: false };
const resident = (number: number) => ({ number, replica: `r${number}`, runLimitMs: 1_000, hot: false });
let pool: EnginePool;
const spareState = () =>
  pool.report().find(({ replicas, state }) => replicas.length === 0 && state === 'spare');
let end: () => Promise<void>;

beforeAll(async () => {
  const dir = await mkdtemp(join(tmpdir(), 'massif-pool-'));
  const nats = await startNats({ dir: join(dir, 'nats'), region: 'east' });
  pool = new EnginePool(
    {
      entry: engineEntry(),
      shard: 'shard-east-1',
      region: 'east',
      natsUrl: nats.url,
      threads: 1,
      device: 'cpu',
      bodyMaxBytes: 1e6,
      keptMaxBytes: 1e6,
      dir: join(dir, 'engines'),
      rssBytesMax: 4e9,
      clock,
      random: systemRandom,
      log: silentLog,
    },
    { warming: () => undefined, lost: () => undefined, changed: () => undefined },
  );
  end = async () => {
    await pool.stop();
    await nats.stop();
    await rm(dir, { recursive: true, force: true });
  };
  pool.start();
  await waitUntil('there is a spare', () => spareState() !== undefined, 30_000);
}, 60_000);
afterAll(() => end());

test('an engine that runs empty takes the next load until there is a spare, and ends then', async () => {
  const first = await pool.place(shared, resident(1));
  pool.release(first, 1);
  expect(await pool.place(shared, resident(2))).toBe(first);
  pool.release(first, 2);
  expect(first.alive).toBe(true);
  await clock.advance(500);
  await waitUntil('the spare has started', () => spareState() !== undefined, 30_000);
  await waitUntil('the empty one has ended', () => !first.alive, 30_000);
  const next = await pool.place(shared, resident(3));
  expect(next).not.toBe(first);
  pool.release(next, 3);
});

test.runIf(coresOf(process.pid).length > 1)(
  'an engine that is crowded leaves a core to those that are not',
  async () => {
    const crowd = Array.from({ length: CROWD }, (_, i) => resident(10 + i));
    const engines = await Promise.all(crowd.map((one) => pool.place(shared, one)));
    expect(new Set(engines).size).toBe(1);
    const [engine] = engines as [PooledEngine];
    await waitUntil(
      'it has left it',
      () => !coresOf(engine.pid).includes(coresOf(process.pid)[0] ?? -1),
      30_000,
    );
    for (const { number } of crowd) pool.release(engine, number);
    await waitUntil('it has ended', () => !engine.alive, 30_000);
    await clock.advance(500);
    await waitUntil('the spare has started', () => spareState() !== undefined, 30_000);
    expect(coresOf(spareState()?.pid ?? 0)).toEqual(coresOf(process.pid));
  },
);

test('one that nobody may share ends at once, spare or none', async () => {
  const own = await pool.place({ kind: 'own' }, resident(4));
  expect(spareState()).toBeUndefined();
  pool.release(own, 4);
  await waitUntil('it has ended', () => !own.alive, 30_000);
});
