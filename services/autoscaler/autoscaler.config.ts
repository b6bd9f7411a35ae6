// What an operator may set for an autoscaler. Read once, while the module is made.
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { type Environment, readEnv } from '../mesh/service-config.js';

export interface AutoscalerConfig {
  /** Shard hosts that it may start on this machine; 0: none. */
  readonly poolProcessesMax: number;
  /** The program of a shard host. */
  readonly poolEntry: string;
  readonly poolThreads: number;
  readonly poolEngineMib: number;
  /** Of those hosts, 0 to 19: what was here before comes first. */
  readonly poolNiceness: number;
  /** Nodes that nobody needs are kept for so long. */
  readonly poolLingerMs: number;
}

const whole = (least: number, most = 1_000_000) =>
  z.coerce
    .number(`must be a whole number from ${least} to ${most}`)
    .int(`must be a whole number from ${least} to ${most}`)
    .min(least, `must be a whole number from ${least} to ${most}`)
    .max(most, `must be a whole number from ${least} to ${most}`);

const AutoscalerEnvironment = z.object({
  MASSIF_POOL_PROCESSES: whole(0, 256).default(0),
  MASSIF_POOL_SHARD: z.string().optional(),
  MASSIF_POOL_THREADS: whole(1, 256).default(1),
  MASSIF_POOL_ENGINE_MIB_MAX: whole(128).default(4_096),
  MASSIF_POOL_NICENESS: whole(0, 19).default(0),
  MASSIF_POOL_LINGER_MS: whole(0, 86_400_000).default(30_000),
});

export function readAutoscalerConfig(env: Environment = process.env): AutoscalerConfig {
  const read = readEnv(AutoscalerEnvironment, env);
  return Object.freeze({
    poolProcessesMax: read.MASSIF_POOL_PROCESSES,
    poolEntry: read.MASSIF_POOL_SHARD ?? fileURLToPath(new URL('../shard/main.js', import.meta.url)),
    poolThreads: read.MASSIF_POOL_THREADS,
    poolEngineMib: read.MASSIF_POOL_ENGINE_MIB_MAX,
    poolNiceness: read.MASSIF_POOL_NICENESS,
    poolLingerMs: read.MASSIF_POOL_LINGER_MS,
  });
}
