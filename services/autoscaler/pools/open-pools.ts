// From what an operator declared to pools that can be asked. The module makes them once.
import type { Clock } from '../../mesh/clock.js';
import type { Log } from '../../mesh/log.js';
import type { MeshConfig } from '../../mesh/service-config.js';
import type { PoolConfig } from '../autoscaler.config.js';
import type { ComputePool } from './compute-pool.js';
import { deviceOf, type PoolSpec } from './pool-spec.js';
import { ProcessPool } from './process-pool.js';
import { SlurmPool } from './slurm-pool.js';
import { WebhookPool } from './webhook-pool.js';

export function openPools(
  config: PoolConfig,
  mesh: MeshConfig,
  clock: Clock,
  log: Log,
): Promise<ComputePool[]> {
  return Promise.all(config.specs.map((spec) => openPool(spec, config, mesh, { clock, log })));
}

async function openPool(
  spec: PoolSpec,
  { programs, jobEnv, elsewhere }: PoolConfig,
  mesh: MeshConfig,
  { clock, log }: { clock: Clock; log: Log },
): Promise<ComputePool> {
  const { name, nodesMax, pricePerHour } = spec;
  const shape = { name, nodesMax, pricePerHour, device: deviceOf(spec) };
  switch (spec.kind) {
    case 'process': {
      const { threads, engineMib, niceness } = spec;
      return new ProcessPool({
        shape,
        place: { mesh, programs, jobEnv, threads, engineMib },
        niceness,
        clock,
        log,
      });
    }
    case 'slurm': {
      const { threads, engineMib, memoryMib, minutes, gres, partition, account, qos } = spec;
      const { natsUrl = mesh.natsUrl, consulUrl = mesh.consulUrl, node, env } = elsewhere;
      const belongs = {
        ...(gres !== undefined && { gres }),
        ...(partition !== undefined && { partition }),
        ...(account !== undefined && { account }),
        ...(qos !== undefined && { qos }),
      };
      return new SlurmPool({
        shape,
        place: { mesh: { ...mesh, natsUrl, consulUrl }, programs, jobEnv, threads, engineMib },
        node,
        env,
        memoryMib,
        leaseMinutes: minutes,
        ...belongs,
        clock,
        log,
      });
    }
    case 'webhook': {
      const { url, secret, region = mesh.region, takesJobs } = spec;
      return new WebhookPool({ url, secret, shape: { ...shape, region, takesJobs }, clock, log });
    }
    case 'kubernetes': {
      // Tens of megabytes that nobody else needs.
      const { clusterAround, KubernetesPool } = await import('./kubernetes-pool.js');
      const { deployment, namespace, selector = `app=${deployment}`, region = mesh.region } = spec;
      const where = { config: clusterAround(), deployment, namespace, selector };
      return new KubernetesPool({ ...where, shape: { ...shape, region }, clock });
    }
  }
}
