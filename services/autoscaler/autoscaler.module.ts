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
import { readAutoscalerConfig } from './autoscaler.config.js';
import { EndpointsKnown } from './endpoints-known.js';
import { MetricBook } from './metric-book.js';
import type { ComputePool } from './pools/compute-pool.js';
import { openPools } from './pools/open-pools.js';
import { PoolKeeper, type PoolPlan } from './pools/pool-keeper.js';
import type { Beat } from './load-book.js';
import { JobsKnown } from './scheduler/jobs-known.js';
import { Scheduler } from './scheduler/scheduler.js';
import { ScheduleState } from './scheduler/schedule-state.js';
import { WantedState } from './wanted-state.js';

const SCALING = Symbol('Scaling');

interface Parts {
  readonly pools: readonly ComputePool[];
  readonly keepers: readonly PoolKeeper[];
  readonly scheduler: Scheduler;
  readonly autoscaler: Autoscaler;
}

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
      provide: JobsKnown,
      inject: [MESH_CONFIG, BUS, CLOCK, LOG],
      useFactory: ({ homeRegion }: MeshConfig, bus: Bus, clock: Clock, log: Log) =>
        JobsKnown.open(bus, homeRegion, { clock, log }),
    },
    {
      provide: SCALING,
      inject: [MESH_CONFIG, BUS, EndpointsKnown, JobsKnown, CLOCK, LOG],
      useFactory: openScaling,
    },
    { provide: Autoscaler, inject: [SCALING], useFactory: ({ autoscaler }: Parts) => autoscaler },
    {
      provide: Leadership,
      inject: [MESH_CONFIG, BUS, CONSUL, CLOCK, LOG, SCALING],
      useFactory: async (
        { instance, homeRegion }: MeshConfig,
        bus: Bus,
        agent: ConsulAgent,
        clock: Clock,
        log: Log,
        { autoscaler, scheduler, keepers }: Parts,
      ) => {
        const epochs = await bus.kv(buckets.leases(homeRegion));
        return new Leadership({
          leases: new Leases({ agent, epochs, instance, service: 'autoscaler', clock, log }),
          lease: 'autoscaler',
          duties: (epoch, signal) => [
            autoscaler.lead(epoch, signal),
            scheduler.run(epoch, signal),
            ...keepers.map((keeper) => keeper.run(epoch, signal)),
          ],
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
    @Inject(SCALING) private readonly parts: Parts,
    @Inject(EndpointsKnown) private readonly endpoints: EndpointsKnown,
    @Inject(JobsKnown) private readonly jobs: JobsKnown,
  ) {}

  onApplicationBootstrap(): void {
    this.parts.autoscaler.start();
    this.leadership.begin();
  }

  async onModuleDestroy(): Promise<void> {
    await this.leadership.end();
    await this.parts.autoscaler.stop();
    await Promise.all(this.parts.pools.map((pool) => pool.close()));
    this.jobs.close();
    this.endpoints.close();
  }
}

export const autoscalerService: ServiceDefinition = {
  name: 'autoscaler',
  module: AutoscalerModule,
  description: 'Says how many replicas of each endpoint are wanted, and why.',
};

/** The autoscaler decides how many, the scheduler where, the keepers see to it; each asks the one before. */
async function openScaling(
  mesh: MeshConfig,
  bus: Bus,
  endpoints: EndpointsKnown,
  jobs: JobsKnown,
  clock: Clock,
  log: Log,
): Promise<Parts> {
  const { instance, homeRegion } = mesh;
  const { residentsMax, budgetPerHour, pools: poolConfig } = readAutoscalerConfig();
  const state = new WantedState(log);
  const keptState = new ScheduleState(log);
  const [wanted, kept, pools] = await Promise.all([
    BucketLog.open(bus, buckets.scaling(homeRegion), state),
    BucketLog.open(bus, buckets.scheduling(homeRegion), keptState),
    openPools(poolConfig, mesh, clock, log),
  ]);
  const shards = (region: string): readonly Beat[] => autoscaler.shards(region);
  const keepers = pools.map((pool) => {
    const plan = (): PoolPlan | undefined => scheduler.planOf(pool.shape.name);
    const affords = (price: number): boolean => scheduler.affords(price);
    return new PoolKeeper({ pool, bus, shards, plan, affords, lingerMs: poolConfig.lingerMs, clock, log });
  });
  const scheduler = new Scheduler({
    instance,
    keepers,
    jobs,
    shards,
    serving: (region) => autoscaler.serving(region),
    budgetPerHour,
    written: kept,
    state: keptState,
    clock,
    log,
  });
  const autoscaler: Autoscaler = new Autoscaler({
    instance,
    bus,
    endpoints: endpoints.endpoints,
    memoryOf: (version) => endpoints.memoryOf(version),
    residentsMax,
    wanted,
    state,
    kept,
    keptState,
    affordable: (demand, budget) => scheduler.affordable(demand, budget),
    metrics: new MetricBook(bus, clock),
    clock,
    log,
  });
  endpoints.onChange(() => autoscaler.nudge());
  return { pools, keepers, scheduler, autoscaler };
}
