// The autoscaler's wiring. Heartbeats, waiting rooms and the catalog come in; the one autoscaler that leads writes down how many
// replicas are wanted, and the registry's placer places so many.
import { Inject, Module, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { buckets } from '../../contracts/buckets.js';
import { BucketLog } from '../mesh/bucket-log.js';
import type { Bus } from '../mesh/bus.js';
import type { Clock } from '../mesh/clock.js';
import type { ConsulAgent } from '../mesh/consul-agent.js';
import { openHomeBuckets } from '../mesh/kv-mirror.js';
import { Leadership } from '../mesh/leadership.js';
import { Leases } from '../mesh/lease.js';
import type { Log } from '../mesh/log.js';
import { ConfigError, type MeshConfig } from '../mesh/service-config.js';
import type { ServiceDefinition } from '../mesh/start.js';
import { BUS, CLOCK, CONSUL, LOG, MESH_CONFIG } from '../mesh/tokens.js';
import { Autoscaler } from './autoscaler.js';
import { AutoscalerController } from './autoscaler.controller.js';
import { EndpointsKnown } from './endpoints-known.js';
import { MetricBook } from './metric-book.js';
import { WantedState } from './wanted-state.js';

@Module({
  controllers: [AutoscalerController],
  providers: [
    {
      provide: EndpointsKnown,
      inject: [MESH_CONFIG, BUS, CLOCK, LOG],
      useFactory: async ({ region, homeRegion }: MeshConfig, bus: Bus, clock: Clock, log: Log) => {
        if (region !== homeRegion)
          throw new ConfigError(
            `MASSIF_REGION must be the home region "${homeRegion}" for an autoscaler, got "${region}".`,
          );
        await openHomeBuckets(bus, homeRegion, clock);
        return EndpointsKnown.open(bus, homeRegion, { clock, log });
      },
    },
    {
      provide: Autoscaler,
      inject: [MESH_CONFIG, BUS, EndpointsKnown, CLOCK, LOG],
      useFactory: async (
        { instance, homeRegion }: MeshConfig,
        bus: Bus,
        endpoints: EndpointsKnown,
        clock: Clock,
        log: Log,
      ) => {
        const state = new WantedState(log);
        const wanted = await BucketLog.open(bus, buckets.scaling(homeRegion), state);
        const metrics = new MetricBook(bus, clock);
        const autoscaler = new Autoscaler({
          instance,
          bus,
          endpoints: () => endpoints.all(),
          wanted,
          state,
          metrics,
          clock,
          log,
        });
        endpoints.onChange(() => autoscaler.nudge());
        return autoscaler;
      },
    },
    {
      provide: Leadership,
      inject: [MESH_CONFIG, BUS, CONSUL, CLOCK, LOG, Autoscaler],
      useFactory: async (
        { instance, homeRegion }: MeshConfig,
        bus: Bus,
        agent: ConsulAgent,
        clock: Clock,
        log: Log,
        autoscaler: Autoscaler,
      ) => {
        const epochs = await bus.kv(buckets.leases(homeRegion));
        return new Leadership({
          leases: new Leases({ agent, epochs, instance, clock, log }),
          lease: 'autoscaler',
          duties: (epoch, signal) => [autoscaler.lead(epoch, signal)],
          clock,
          log,
        });
      },
    },
  ],
})
export class AutoscalerModule implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(
    @Inject(Leadership) private readonly leadership: Leadership,
    @Inject(Autoscaler) private readonly autoscaler: Autoscaler,
    @Inject(EndpointsKnown) private readonly endpoints: EndpointsKnown,
  ) {}

  onApplicationBootstrap(): void {
    this.autoscaler.start();
    this.leadership.begin();
  }

  async onModuleDestroy(): Promise<void> {
    await this.leadership.end();
    await this.autoscaler.stop();
    this.endpoints.close();
  }
}

export const autoscalerService: ServiceDefinition = {
  name: 'autoscaler',
  module: AutoscalerModule,
  description: 'Says how many replicas of each endpoint are wanted, and why.',
};
