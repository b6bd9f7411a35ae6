// A shard host in the test's process, with real engines, on a real NATS server; the test plays registry: it publishes versions
// and places them.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { headers as natsHeaders } from '@nats-io/transport-node';
import { BODY_BYTES_MAX } from '../../../contracts/large-body.js';
import { buckets, keys } from '../../../contracts/buckets.js';
import { Heartbeat, type ReplicaReport } from '../../../contracts/heartbeat.js';
import { headers } from '../../../contracts/headers.js';
import { encodeInferRequest } from '../../../contracts/infer-body.js';
import { replicaId } from '../../../contracts/names.js';
import { type PlacementRecord, placementPart } from '../../../contracts/registry.js';
import { subjects, wildcards } from '../../../contracts/subjects.js';
import type { Tensor } from '../../../contracts/tensor.js';
import { startNats } from '../../../deploy/local/nats.js';
import { type Bus, connectBus } from '../../mesh/bus.js';
import { systemClock } from '../../mesh/clock.js';
import { openHomeBuckets } from '../../mesh/kv-mirror.js';
import { silentLog } from '../../mesh/log.js';
import { OrderBook } from '../../mesh/trust/order-book.js';
import { systemRandom } from '../../mesh/random.js';
import { waitUntil } from '../../mesh/testing/wait-until.js';
import { ArtifactCache } from '../artifact-cache.js';
import { ArtifactReader } from '../../mesh/artifact-reader.js';
import { Shard } from '../shard.js';
import { engineEntry } from './engine-entry.js';
import { type Reply, replyOf } from './driven-engine.js';
import { policy, type SignedVersion } from './signed-version.js';

const REGION = 'east';
const NAME = 'shard-east-1';

export class HostedShard implements AsyncDisposable {
  readonly beats: Heartbeat[] = [];
  readonly orders = new OrderBook();
  /** A test may put another in its place. */
  policy = policy;
  private epoch = 0;
  /** Of its placement, in which anything was ever placed. */
  private readonly parts = new Set<string>();
  private shard: Shard | undefined;

  private constructor(
    readonly bus: Bus,
    readonly natsUrl: string,
    readonly dataDir: string,
    private readonly closeServer: () => Promise<void>,
  ) {
    bus.nc.subscribe(wildcards.heartbeats(), {
      callback: (_, message) => void this.beats.push(Heartbeat.parse(message.json())),
    });
  }

  static async start(): Promise<HostedShard> {
    const dir = await mkdtemp(join(tmpdir(), 'massif-shard-'));
    const nats = await startNats({ dir: join(dir, 'nats'), region: REGION });
    const bus = await connectBus({ url: nats.url, name: 'test', region: REGION });
    await openHomeBuckets(bus, REGION);
    const hosted = new HostedShard(bus, nats.url, join(dir, 'data'), async () => {
      await bus.drain();
      await nats.stop();
      await rm(dir, { recursive: true, force: true });
    });
    await hosted.startHost();
    return hosted;
  }

  /** Another life of the host on the same disk. */
  async startHost(): Promise<void> {
    const log = silentLog;
    const reader = new ArtifactReader(this.bus, { bucket: buckets.artifacts(REGION) });
    const cache = await ArtifactCache.open({
      dir: join(this.dataDir, 'artifacts'),
      sources: [{ name: 'own', read: ({ digest }) => reader.read(digest) }],
      bytesMax: 1e9,
      log,
    });
    this.shard = new Shard({
      mesh: {
        instance: NAME,
        region: REGION,
        homeRegion: REGION,
        natsUrl: this.natsUrl,
        dataDir: this.dataDir,
      },
      config: {
        engineEntry: engineEntry(),
        engineThreads: 1,
        engineRssBytesMax: 4e9,
        capacityMax: 64,
        batchRowsMax: 256,
        cacheBytesMax: 1e9,
        bodyMaxBytes: BODY_BYTES_MAX,
        keptMaxBytes: 1_048_576,
        device: { kind: 'cpu', cores: 2, memoryBytes: 1e9 },
      },
      bus: this.bus,
      cache,
      trust: { current: () => this.policy },
      clock: systemClock,
      random: systemRandom,
      log,
      orders: this.orders,
      observed: () => undefined,
    });
    this.shard.start();
    await waitUntil('there is a warm spare', () =>
      this.latest?.engines.some(({ state }) => state === 'spare'),
    );
  }

  async stopHost(): Promise<void> {
    await this.shard?.stop();
    this.beats.length = 0;
  }

  get host(): Shard {
    if (this.shard === undefined) throw new Error('the host was not started');
    return this.shard;
  }

  get latest(): Heartbeat | undefined {
    return this.beats.at(-1);
  }

  async publish({ record, resources }: SignedVersion): Promise<void> {
    const store = await this.bus.object(buckets.artifacts(REGION));
    for (const [digest, bytes] of resources) await store.putBlob({ name: digest }, bytes);
    const catalog = await this.bus.kv(buckets.catalog(REGION));
    await catalog.put(keys.version(record.model, record.digest), JSON.stringify(record));
  }

  async place(...versions: SignedVersion[]): Promise<void> {
    const placed = versions.map(({ record: { model, digest } }) => ({ model, version: digest }));
    for (const { version } of placed) this.parts.add(placementPart(version));
    const placement = await this.bus.kv(buckets.placement(REGION));
    const epoch = ++this.epoch;
    for (const part of this.parts) {
      const mine = placed.filter(({ version }) => placementPart(version) === part);
      const record: PlacementRecord = { shard: NAME, part, epoch, versions: mine };
      await placement.put(keys.placement(NAME, part), JSON.stringify(record));
    }
  }

  /** Publishes, places and waits. */
  async serve(...versions: SignedVersion[]): Promise<void> {
    for (const version of versions) await this.publish(version);
    await this.place(...versions);
    for (const version of versions) await this.until(version, 'ready');
  }

  replica({ record }: SignedVersion): ReplicaReport | undefined {
    return this.latest?.replicas.find(({ version }) => version === record.digest);
  }

  until(version: SignedVersion, state: ReplicaReport['state'] | 'gone'): Promise<unknown> {
    return waitUntil(
      `${version.record.model} is ${state}`,
      () => (this.replica(version)?.state ?? 'gone') === state,
      20_000,
    );
  }

  /** Whichever way: it serves, or it is refused with a reason. */
  decided(version: SignedVersion): Promise<unknown> {
    return waitUntil(
      `${version.record.model} is ready or refused`,
      () => ['ready', 'failed'].includes(this.replica(version)?.state ?? '') || this.unavailable(version),
      60_000,
    );
  }

  /** Its bytes cannot be had: what lies under their name is something else. */
  private unavailable(version: SignedVersion): boolean {
    return this.replica(version)?.reason !== undefined;
  }

  pidOf(version: SignedVersion): number {
    const id = replicaId(NAME, version.record.digest);
    return this.latest?.engines.find(({ replicas }) => replicas.includes(id))?.pid ?? 0;
  }

  async call({ record }: SignedVersion, inputs: Tensor[], timeoutMs = 10_000): Promise<Reply> {
    const body = encodeInferRequest({ parameters: {}, inputs, binaryOutput: true });
    const fields = natsHeaders();
    if (body.jsonLength !== undefined) fields.set(headers.jsonLength, String(body.jsonLength));
    fields.set(headers.timeoutMs, String(timeoutMs));
    const subject = subjects.run(replicaId(NAME, record.digest));
    return replyOf(await this.bus.nc.request(subject, body.bytes, { timeout: timeoutMs, headers: fields }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shard?.stop();
    await this.closeServer();
  }
}
