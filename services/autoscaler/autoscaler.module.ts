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
import { PoolKeeper } from './pools/pool-keeper.js';
import { WebhookPool } from './pools/webhook-pool.js';
import type { Beat } from './load-book.js';
import { ProcessPool } from './pools/process-pool.js';
import { SlurmPool } from './pools/slurm-pool.js';
import { WantedState } from './wanted-state.js';

const POOLS = Symbol('Pools');

interface Pools {
  readonly pools: readonly ComputePool[];
  readonly keepers: readonly PoolKeeper[];
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
          bytesOf: (version) => endpoints.bytesOf(version),
          residentsMax: readAutoscalerConfig().residentsMax,
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
    { provide: POOLS, inject: [MESH_CONFIG, BUS, CLOCK, LOG, Autoscaler], useFactory: openPools },
    {
      provide: Leadership,
      inject: [MESH_CONFIG, BUS, CONSUL, CLOCK, LOG, Autoscaler, POOLS],
      useFactory: async (
        { instance, homeRegion }: MeshConfig,
        bus: Bus,
        agent: ConsulAgent,
        clock: Clock,
        log: Log,
        autoscaler: Autoscaler,
        { keepers }: Pools,
      ) => {
        const epochs = await bus.kv(buckets.leases(homeRegion));
        return new Leadership({
          leases: new Leases({ agent, epochs, instance, service: 'autoscaler', clock, log }),
          lease: 'autoscaler',
          duties: (epoch, signal) => [
            autoscaler.lead(epoch, signal),
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
    @Inject(Autoscaler) private readonly autoscaler: Autoscaler,
    @Inject(EndpointsKnown) private readonly endpoints: EndpointsKnown,
    @Inject(POOLS) private readonly pools: Pools,
  ) {}

  onApplicationBootstrap(): void {
    this.autoscaler.start();
    this.leadership.begin();
  }

  async onModuleDestroy(): Promise<void> {
    await this.leadership.end();
    await this.autoscaler.stop();
    await Promise.all(this.pools.pools.map((pool) => pool.close()));
    this.endpoints.close();
  }
}

export const autoscalerService: ServiceDefinition = {
  name: 'autoscaler',
  module: AutoscalerModule,
  description: 'Says how many replicas of each endpoint are wanted, and why.',
};

async function openPools(
  mesh: MeshConfig,
  bus: Bus,
  clock: Clock,
  log: Log,
  autoscaler: Autoscaler,
): Promise<Pools> {
  const { webhook, slurm, kubernetes, ...config } = readAutoscalerConfig();
  const { region } = mesh;
  const pools: ComputePool[] = [];
  if (config.poolProcessesMax > 0)
    pools.push(
      new ProcessPool({
        mesh,
        entry: config.poolEntry,
        nodesMax: config.poolProcessesMax,
        threads: config.poolThreads,
        engineMib: config.poolEngineMib,
        niceness: config.poolNiceness,
        clock,
        log,
      }),
    );
  if (webhook) pools.push(new WebhookPool({ ...webhook, region, clock, log }));
  if (slurm) {
    const { natsUrl = mesh.natsUrl, consulUrl = mesh.consulUrl, ...rest } = slurm;
    const { poolEntry: entry, poolThreads: threads, poolEngineMib: engineMib } = config;
    const reached = { ...mesh, natsUrl, consulUrl };
    pools.push(new SlurmPool({ ...rest, mesh: reached, entry, threads, engineMib, clock, log }));
  }
  if (kubernetes) {
    // Tens of megabytes that nobody else needs.
    const { clusterAround, KubernetesPool } = await import('./pools/kubernetes-pool.js');
    pools.push(new KubernetesPool({ ...kubernetes, config: clusterAround(), region, clock }));
  }
  // Two would each ask for all that is missing.
  if (pools.length > 1)
    throw new ConfigError(
      'Set one of MASSIF_POOL_PROCESSES, _WEBHOOK_URL, _SLURM_JOBS and _KUBERNETES_DEPLOYMENT: a region has one pool.',
    );
  const shards = (of: string): readonly Beat[] => autoscaler.shards(of);
  const wanted = (of: string): number | undefined => autoscaler.mostWanted(of);
  const lingerMs = config.poolLingerMs;
  const keepers = pools.map((pool) => new PoolKeeper({ pool, bus, shards, wanted, lingerMs, clock, log }));
  return { pools, keepers };
}
