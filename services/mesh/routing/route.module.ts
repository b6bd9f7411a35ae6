// The one RouteView of a process: router and gateway of an edge process share it by importing this module. Endpoints come from
// the region's catalog, orders of safety from each region's own bucket, replicas from heartbeats, and Consul has the say on shards
// that have fallen silent.
import { Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { buckets } from '../../../contracts/buckets.js';
import type { Bus } from '../bus.js';
import type { Clock } from '../clock.js';
import type { Discovery } from '../discovery.js';
import { openMirror } from '../kv-mirror.js';
import { readLinkConfig } from '../link.config.js';
import { LinkProbe } from './link-probe.js';
import { errorFields, type Log } from '../log.js';
import { OrderBook } from '../trust/order-book.js';
import { OverrideWatch } from '../trust/override-watch.js';
import type { Random } from '../random.js';
import { RouteView } from './route-view.js';
import type { MeshConfig } from '../service-config.js';
import { shardLiveness } from '../shard-liveness.js';
import { BUS, CLOCK, DISCOVERY, LOG, MESH_CONFIG, RANDOM } from '../tokens.js';
import { seenPathOf, TrustFiles } from '../trust/trust-files.js';

const STOP = Symbol('StopRouteView');

@Module({
  providers: [
    { provide: STOP, useFactory: () => new AbortController() },
    OrderBook,
    {
      provide: TrustFiles,
      inject: [MESH_CONFIG, CLOCK, LOG],
      useFactory: (config: MeshConfig, clock: Clock, log: Log) =>
        TrustFiles.open({ dir: config.keysDir, seenPath: seenPathOf(config), clock, log }),
    },
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
      ) =>
        new OverrideWatch({
          places: regions.map((region) => ({ bus, region })),
          book,
          trust,
          clock,
          log,
        }),
    },
    {
      provide: LinkProbe,
      inject: [BUS, MESH_CONFIG, CLOCK],
      useFactory: (bus: Bus, { regions }: MeshConfig, clock: Clock) =>
        new LinkProbe({ bus, regions, declared: readLinkConfig(), clock }),
    },
    {
      provide: RouteView,
      inject: [BUS, CLOCK, RANDOM, LOG, DISCOVERY, MESH_CONFIG, STOP, OrderBook, LinkProbe],
      useFactory: openView,
    },
  ],
  exports: [RouteView, OrderBook, TrustFiles, LinkProbe],
})
export class RouteModule implements OnApplicationShutdown {
  constructor(
    @Inject(RouteView) private readonly view: RouteView,
    @Inject(STOP) private readonly stop: AbortController,
    @Inject(OverrideWatch) private readonly overrides: OverrideWatch,
    @Inject(TrustFiles) private readonly trust: TrustFiles,
    @Inject(LinkProbe) private readonly links: LinkProbe,
  ) {}

  onApplicationShutdown(): void {
    this.stop.abort();
    this.overrides.close();
    this.trust.close();
    this.links.close();
    this.view.close();
  }
}

function openView(
  bus: Bus,
  clock: Clock,
  random: Random,
  log: Log,
  discovery: Discovery,
  config: MeshConfig,
  stop: AbortController,
  orders: OrderBook,
  { distanceMs }: LinkProbe,
): RouteView {
  // Whoever comes first in a region makes its mirror. The view waits for it by itself, so a home out of reach holds up nobody.
  openMirror(bus, config.homeRegion, buckets.catalog, clock).catch((error: unknown) =>
    log.warn('catalog.mirror.failed', errorFields(error)),
  );
  const { homeRegion } = config;
  const view = new RouteView({ buses: [bus], homeRegion, clock, random, log, orders, distanceMs });
  view.isAlive = shardLiveness(discovery, config.regions, stop.signal);
  return view;
}
