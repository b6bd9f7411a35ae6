import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeRange } from '../../contracts/large-body.js';
import { subjects } from '../../contracts/subjects.js';
import { type NatsServer, startNats } from '../../deploy/local/nats.js';
import { type Bus, connectBus } from '../mesh/bus.js';
import { failureIn } from '../mesh/error-reply.js';
import { silentLog } from '../mesh/log.js';
import { ArtifactCache } from './artifact-cache.js';
import { ArtifactOffers } from './artifact-offers.js';
import { PeerArtifacts } from './peer-artifacts.js';

// Ten chunks, and a last one that is not full.
const bytes = randomBytes(10 * 524_288 + 77);
const digest = createHash('sha256').update(bytes).digest('hex');
const resource = { name: 'model.onnx', digest, bytes: bytes.length };

let dir: string;
let nats: NatsServer;
const buses: Bus[] = [];
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-peers-'));
  nats = await startNats({ dir: join(dir, 'nats'), region: 'east' });
}, 30_000);
afterAll(async () => {
  await Promise.all(buses.map((bus) => bus.drain()));
  await nats.stop();
  await rm(dir, { recursive: true, force: true });
});

const connect = async (name: string, region = 'east'): Promise<Bus> => {
  const bus = await connectBus({ url: nats.url, name, region });
  buses.push(bus);
  return bus;
};

/** A shard with a disk and a connection of its own, and a store that counts what it sends. */
async function peer(name: string, region = 'east') {
  const bus = await connect(name, region);
  const disk = join(dir, name);
  await mkdir(disk);
  const counts = { given: 0, fromStore: 0, sources: [] as string[] };
  let onGiven = (): void => undefined;
  const offers = new ArtifactOffers({
    bus,
    dir: disk,
    gave: () => {
      counts.given++;
      onGiven();
    },
  });
  const store = {
    name: 'store',
    read: async function* () {
      await Promise.resolve();
      counts.fromStore++;
      yield bytes;
    },
  };
  const open = () =>
    ArtifactCache.open({
      dir: disk,
      sources: [new PeerArtifacts(bus), store],
      bytesMax: 1e9,
      log: silentLog,
      told: {
        here: (one) => offers.offer(one),
        gone: (one) => offers.withdraw(one),
        fetched: (source) => void counts.sources.push(source),
      },
    });
  const ensure = async (): Promise<void> => {
    await (await open()).ensure(resource);
    await bus.nc.flush();
  };
  const whenGiven = (call: () => void): void => void (onGiven = call);
  return { bus, disk, counts, offers, open, ensure, whenGiven };
}

test('a store sends an artifact once to a region: the next shards have it from those that have it', async () => {
  const [first, second, third] = [await peer('first'), await peer('second'), await peer('third')];
  await first.ensure();
  expect(first.counts.sources).toEqual(['store']);

  await second.ensure();
  await third.ensure();
  expect([second.counts.sources, third.counts.sources]).toEqual([['peers'], ['peers']]);
  expect(second.counts.fromStore + third.counts.fromStore).toBe(0);
  expect(first.counts.given + second.counts.given).toBe(22);
  expect(bytes.equals(await readFile(join(third.disk, digest)))).toBe(true);

  // Another region's shard does not take it from here.
  const far = await peer('far', 'west');
  await far.ensure();
  expect(far.counts.sources).toEqual(['store']);
  for (const { offers } of [first, second, third]) offers.close();
});

test('where one holder dies in the middle another goes on, and nothing is sent from the beginning', async () => {
  const [dying, other, late] = [await peer('dying'), await peer('other'), await peer('late')];
  await dying.ensure();
  await other.ensure();
  other.offers.close();
  await other.bus.nc.flush();
  const before = dying.counts.given;
  // Its process is gone: no subscription, and no answer to what was asked already.
  dying.whenGiven(() => {
    if (dying.counts.given - before !== 3) return;
    other.offers.offer(digest);
    void other.bus.nc.flush().then(() => dying.bus.nc.close());
  });
  await late.ensure();
  expect(late.counts.sources).toEqual(['peers']);
  expect(other.counts.given).toBeGreaterThan(0);
  expect(other.counts.given).toBeLessThan(11);
  expect(bytes.equals(await readFile(join(late.disk, digest)))).toBe(true);
  for (const { offers } of [other, late]) offers.close();
});

test('a shard whose disk was changed is no source: the store is asked, and nothing of it stays', async () => {
  const [liar, careful] = [await peer('liar'), await peer('careful')];
  await writeFile(join(liar.disk, digest), Buffer.from(bytes).fill(1, 600_000, 600_001));
  await liar.open();
  await liar.bus.nc.flush();
  await careful.ensure();
  expect(liar.counts.given).toBe(11);
  expect(careful.counts.sources).toEqual(['store']);
  expect(await readdir(careful.disk)).toEqual([digest]);

  // What is damaged on one's own disk is not offered any more, and not asked of oneself.
  careful.offers.close();
  await liar.ensure();
  expect(liar.counts.sources).toEqual(['store']);
  liar.offers.close();
});

test('somebody who listens to everything and answers nothing is asked once, then the store is', async () => {
  const watcher = await connect('watcher');
  const asked: string[] = [];
  watcher.nc.subscribe('>', { callback: (_, { subject }) => void asked.push(subject) });
  await watcher.nc.flush();
  const alone = await peer('alone');
  await alone.ensure();
  expect(alone.counts.sources).toEqual(['store']);
  await watcher.nc.flush();
  expect(asked.filter((subject) => subject === subjects.artifact('east', digest))).toHaveLength(1);
  alone.offers.close();
});

test('bytes that are not there and questions that are none get a sentence', async () => {
  const holder = await peer('holder');
  await holder.ensure();
  const asker = await connect('asker');
  const ask = async (text: string) => {
    const answer = await asker.nc.request(subjects.artifact('east', digest), text, { timeout: 5_000 });
    return failureIn(answer)?.code ?? answer.data.length;
  };
  expect(await ask(writeRange({ offset: bytes.length - 7, length: 100 }))).toBe(7);
  expect(await ask(writeRange({ offset: bytes.length, length: 100 }))).toBe(0);
  expect(await ask('all of it')).toBe('BAD_REQUEST');
  expect(await ask(writeRange({ offset: 0, length: 1e8 }))).toBe('BAD_REQUEST');
  await rm(join(holder.disk, digest));
  expect(await ask(writeRange({ offset: 0, length: 7 }))).toBe('NOT_FOUND');
  holder.offers.close();
});
