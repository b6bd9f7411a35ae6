// Artifacts travel to the other region over a line that breaks in the middle of a copy: what arrived stays, the rest follows, and the
// file gets its name only when every byte was checked.
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { buckets } from '../contracts/buckets.js';
import { freePorts } from '../deploy/local/free-ports.js';
import { startNats } from '../deploy/local/nats.js';
import { connectBus } from '../services/mesh/bus.js';
import { systemClock } from '../services/mesh/clock.js';
import { silentLog } from '../services/mesh/log.js';
import { seededRandom } from '../services/mesh/random.js';
import { waitUntil } from '../services/mesh/testing/wait-until.js';
import { ArtifactStore } from '../services/registry/artifact-store.js';
import { Replicator } from '../services/registry/replicator.js';
import { type Break, Link } from './link.js';

const PARTS = 48;
const bytes = Uint8Array.from(
  { length: PARTS * 512 * 1024 },
  (_, i) => (i * 31 + (i >> 9) + (i >> 19)) & 255,
);
const digest = createHash('sha256').update(bytes).digest('hex');

/** As over a line of 50 MB/s: on a fast machine there must be a middle to cut in. */
const slowly = (store: ArtifactStore): ArtifactStore =>
  Object.assign(Object.create(store) as ArtifactStore, {
    async *read(...args: Parameters<ArtifactStore['read']>) {
      for await (const part of store.read(...args)) {
        await sleep(10);
        yield part;
      }
    },
  });

test.each<[Break, number]>([
  ['severed', 1_000],
  ['frozen', 5_000],
])(
  'a copy to another region goes on where a %s line cut it off, and nothing is sent twice',
  async (how, cutMs) => {
    const dir = await mkdtemp(join(tmpdir(), 'massif-copy-'));
    const [linkPort = 0] = await freePorts(1);
    const east = await startNats({ dir: join(dir, 'east'), region: 'east', linkPort });
    const link = await Link.open(linkPort, east.ports.leaf);
    const home = `nats-leaf://127.0.0.1:${linkPort}`;
    const west = await startNats({ dir: join(dir, 'west'), region: 'west', home });
    const [bus, near] = await Promise.all([east, west].map(({ url }) => connectBus({ url, name: 'copy' })));
    if (!bus || !near) throw new Error('both are there');
    const ended = new AbortController();
    try {
      const store = await ArtifactStore.open(bus, { bucket: buckets.artifacts('east') });
      await store.write(digest, async function* () {
        yield bytes;
      });
      const copy = await ArtifactStore.open(near, { bucket: buckets.artifacts('west') });
      const manager = await near.js.jetstreamManager();
      const state = async () => (await manager.streams.info(`OBJ_${buckets.artifacts('west')}`)).state;
      const running = new Replicator({
        home: slowly(store),
        regions: ['west'],
        open: () => ArtifactStore.open(bus, { bucket: buckets.artifacts('west'), domain: 'west' }),
        wanted: () => Promise.resolve(new Set([digest])),
        clock: systemClock,
        random: seededRandom(1),
        log: silentLog,
        missing: () => undefined,
      }).run(ended.signal);

      await waitUntil('some of it is there', async () => (await state()).messages >= 4, 30_000);
      link.cut(how);
      await sleep(cutMs);
      const cutAt = (await state()).messages;
      expect(cutAt).toBeLessThan(PARTS);
      expect(await copy.bytesOf(digest)).toBeUndefined();
      expect(await copy.list()).toEqual(new Map([[digest, false]]));
      link.mend();
      await waitUntil(
        'all of it is there',
        async () => (await copy.bytesOf(digest)) === bytes.length,
        60_000,
      );
      const hash = createHash('sha256');
      for await (const part of copy.read(digest)) hash.update(part);
      expect(hash.digest('hex')).toBe(digest);
      // Its parts and its name: nothing was written and thrown away again.
      expect((await state()).last_seq).toBe(PARTS + 1);
      ended.abort();
      await running;
    } finally {
      ended.abort();
      await Promise.all([bus.drain(), near.drain()]);
      await west.stop();
      await link[Symbol.asyncDispose]();
      await east.stop();
      await rm(dir, { recursive: true, force: true });
    }
  },
  120_000,
);
