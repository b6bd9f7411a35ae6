// The shard host's wiring. Placement comes in from KV, bytes from the object stores through the artifact cache, trust from the
// keys folder; out go heartbeats. Requests never come here: engine processes answer them on subjects of their own.
import { Inject, Module, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { join } from 'node:path';
import { buckets } from '../../contracts/buckets.js';
import type { Resource } from '../../contracts/registry.js';
import type { Bus } from '../mesh/bus.js';
import type { Clock } from '../mesh/clock.js';
import type { Log } from '../mesh/log.js';
import { OrderBook } from '../mesh/trust/order-book.js';
import { OverrideWatch } from '../mesh/trust/override-watch.js';
import type { Random } from '../mesh/random.js';
import type { MeshConfig } from '../mesh/service-config.js';
import type { ServiceDefinition } from '../mesh/start.js';
import { tellAudit } from '../mesh/tell-audit.js';
import type { Metrics } from '../mesh/telemetry.js';
import { BUS, CLOCK, LOG, MESH_CONFIG, METRICS, RANDOM } from '../mesh/tokens.js';
import { seenPathOf, TrustFiles } from '../mesh/trust/trust-files.js';
import { ArtifactCache } from './artifact-cache.js';
import { artifactMetrics } from './artifact-metrics.js';
import { ArtifactOffers } from './artifact-offers.js';
import { ArtifactReader } from '../mesh/artifact-reader.js';
import { checkDevice } from './check-device.js';
import { PeerArtifacts } from './peer-artifacts.js';
import { readShardConfig, type ShardConfig } from './shard.config.js';
import { ShardController } from './shard.controller.js';
import { shardMetrics } from './shard-metrics.js';
import { Shard } from './shard.js';

const SHARD_CONFIG = Symbol('ShardConfig');

const artifactsDir = (dataDir: string): string => join(dataDir, 'artifacts');

@Module({
  controllers: [ShardController],
  providers: [
    {
      provide: SHARD_CONFIG,
      useFactory: async () => {
        const config = readShardConfig();
        await checkDevice(config.device.kind);
        return config;
      },
    },
    {
      provide: TrustFiles,
      inject: [MESH_CONFIG, CLOCK, LOG],
      useFactory: (config: MeshConfig, clock: Clock, log: Log) =>
        TrustFiles.open({ dir: config.keysDir, seenPath: seenPathOf(config), clock, log }),
    },
    OrderBook,
    {
      provide: OverrideWatch,
      inject: [MESH_CONFIG, BUS, OrderBook, TrustFiles, CLOCK, LOG],
      useFactory: (
        { regions }: MeshConfig,
        bus: Bus,
        book: OrderBook,
        trust: TrustFiles,
        clock: Clock,
        log: Log,
      ) => new OverrideWatch({ places: regions.map((region) => ({ bus, region })), book, trust, clock, log }),
    },
    {
      provide: ArtifactOffers,
      inject: [MESH_CONFIG, BUS, METRICS],
      useFactory: ({ dataDir }: MeshConfig, bus: Bus, metrics: Metrics) =>
        new ArtifactOffers({ bus, dir: artifactsDir(dataDir), gave: artifactMetrics(metrics).gave }),
    },
    {
      provide: ArtifactCache,
      inject: [MESH_CONFIG, SHARD_CONFIG, BUS, ArtifactOffers, METRICS, LOG],
      useFactory: (
        { dataDir, region, homeRegion }: MeshConfig,
        { cacheBytesMax }: ShardConfig,
        bus: Bus,
        offers: ArtifactOffers,
        metrics: Metrics,
        log: Log,
      ) => {
        const own = new ArtifactReader(bus, { bucket: buckets.artifacts(region) });
        const home = new ArtifactReader(bus, { bucket: buckets.artifacts(homeRegion), domain: homeRegion });
        const stores = (region === homeRegion ? [own] : [own, home]).map((reader) => ({
          name: reader.place.bucket,
          read: ({ digest }: Resource) => reader.read(digest),
        }));
        return ArtifactCache.open({
          dir: artifactsDir(dataDir),
          sources: [new PeerArtifacts(bus), ...stores],
          bytesMax: cacheBytesMax,
          log,
          told: {
            here: (digest) => offers.offer(digest),
            gone: (digest) => offers.withdraw(digest),
            fetched: artifactMetrics(metrics).fetched,
          },
        });
      },
    },
    {
      provide: Shard,
      inject: [
        MESH_CONFIG,
        SHARD_CONFIG,
        BUS,
        ArtifactCache,
        TrustFiles,
        CLOCK,
        RANDOM,
        LOG,
        METRICS,
        OrderBook,
      ],
      useFactory: (
        mesh: MeshConfig,
        config: ShardConfig,
        bus: Bus,
        cache: ArtifactCache,
        trust: TrustFiles,
        clock: Clock,
        random: Random,
        log: Log,
        metrics: Metrics,
        orders: OrderBook,
      ) =>
        new Shard({
          mesh,
          config,
          bus,
          cache,
          trust,
          clock,
          random,
          log,
          orders,
          tell: tellAudit(bus, mesh.instance, clock),
          observed: shardMetrics(metrics),
        }),
    },
  ],
})
export class ShardModule implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(
    private readonly shard: Shard,
    @Inject(TrustFiles) private readonly trust: TrustFiles,
    @Inject(OverrideWatch) private readonly overrides: OverrideWatch,
    private readonly offers: ArtifactOffers,
  ) {}

  onApplicationBootstrap(): void {
    this.shard.start();
  }

  async onModuleDestroy(): Promise<void> {
    this.overrides.close();
    this.offers.close();
    await this.shard.stop();
    this.trust.close();
  }
}

export const shardService: ServiceDefinition = {
  name: 'shard',
  carriesRequests: true,
  module: ShardModule,
  description: 'Hosts inference engines on one device.',
  meta: () => {
    const { kind: device, providers = [], ...rest } = readShardConfig().device;
    const said = { device, providers: providers.join(), ...rest };
    return Object.fromEntries(Object.entries(said).map(([name, value]) => [name, String(value)]));
  },
};
