// The one RouteView of a process: router and gateway of an edge process share it by importing this module. Endpoints come from
// the region's catalog, replicas from heartbeats, and Consul has the say on shards that have fallen silent.
import { Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { buckets } from '../../contracts/buckets.js';
import type { Bus } from './bus.js';
import type { Clock } from './clock.js';
import type { Discovery } from './discovery.js';
import { openMirror } from './kv-mirror.js';
import { errorFields, type Log } from './log.js';
import type { Random } from './random.js';
import { RouteView } from './route-view.js';
import type { MeshConfig } from './service-config.js';
import { shardLiveness } from './shard-liveness.js';
import { BUS, CLOCK, DISCOVERY, LOG, MESH_CONFIG, RANDOM } from './tokens.js';

const STOP = Symbol('StopRouteView');

@Module({
  providers: [
    { provide: STOP, useFactory: () => new AbortController() },
    {
      provide: RouteView,
      inject: [BUS, CLOCK, RANDOM, LOG, DISCOVERY, MESH_CONFIG, STOP],
      useFactory: openView,
    },
  ],
  exports: [RouteView],
})
export class RouteModule implements OnApplicationShutdown {
  constructor(
    @Inject(RouteView) private readonly view: RouteView,
    @Inject(STOP) private readonly stop: AbortController,
  ) {}

  onApplicationShutdown(): void {
    this.stop.abort();
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
): RouteView {
  // Whoever comes first in a region makes its mirror. The view waits for it by itself, so a home out of reach holds up nobody.
  openMirror(bus, config.homeRegion, buckets.catalog, clock).catch((error: unknown) =>
    log.warn('catalog.mirror.failed', errorFields(error)),
  );
  const view = new RouteView({ buses: [bus], homeRegion: config.homeRegion, clock, random, log });
  view.isAlive = shardLiveness(discovery, config.regions, stop.signal);
  return view;
}
