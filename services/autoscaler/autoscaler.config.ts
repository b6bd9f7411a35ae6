// What an operator may set for an autoscaler. Read once, while the module is made.
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { ConfigError, type Environment, readEnv } from '../mesh/service-config.js';

export interface AutoscalerConfig {
  /** Endpoints that may sleep and are awake in a region at once. */
  readonly residentsMax: number;
  /** Shard hosts that it may start on this machine; 0: none. */
  readonly poolProcessesMax: number;
  /** The program of a shard host. */
  readonly poolEntry: string;
  readonly poolThreads: number;
  readonly poolEngineMib: number;
  /** Of those hosts, 0 to 19: what was here before comes first. */
  readonly poolNiceness: number;
  /** Where servers of a cloud are asked for; absent: none are. */
  readonly webhook: { readonly url: string; readonly secret: string; readonly nodesMax: number } | undefined;
  /** Jobs on a cluster; absent: none are submitted. */
  readonly slurm: SlurmConfig | undefined;
  /** Pods of a deployment; absent: none are asked for. */
  readonly kubernetes: KubernetesConfig | undefined;
  /** Nodes that nobody needs are kept for so long. */
  readonly poolLingerMs: number;
}

export interface SlurmConfig {
  readonly nodesMax: number;
  readonly memoryMib: number;
  readonly leaseMinutes: number;
  readonly gres?: string;
  readonly partition?: string;
  readonly account?: string;
  readonly qos?: string;
  /** Node's binary and the mesh, as the cluster's machines see them. */
  readonly node: string;
  readonly natsUrl?: string;
  readonly consulUrl?: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface KubernetesConfig {
  readonly namespace: string;
  readonly deployment: string;
  readonly selector: string;
  readonly nodesMax: number;
}

const whole = (least: number, most = 1_000_000) =>
  z.coerce
    .number(`must be a whole number from ${least} to ${most}`)
    .int(`must be a whole number from ${least} to ${most}`)
    .min(least, `must be a whole number from ${least} to ${most}`)
    .max(most, `must be a whole number from ${least} to ${most}`);

const word = (pattern: RegExp, example: string) => z.string().regex(pattern, `must be ${example}`);

const AutoscalerEnvironment = z.object({
  MASSIF_RESIDENTS_MAX: whole(1).default(2_000),
  MASSIF_POOL_PROCESSES: whole(0, 256).default(0),
  MASSIF_POOL_SHARD: z.string().optional(),
  MASSIF_POOL_THREADS: whole(1, 256).default(1),
  MASSIF_POOL_ENGINE_MIB_MAX: whole(128).default(4_096),
  MASSIF_POOL_NICENESS: whole(0, 19).default(0),
  MASSIF_POOL_WEBHOOK_URL: z
    .url({ protocol: /^https?$/, error: 'must be a URL such as https://pool.example' })
    .optional(),
  MASSIF_POOL_WEBHOOK_SECRET: z.string().min(16, 'must have 16 characters or more').optional(),
  MASSIF_POOL_WEBHOOK_NODES: whole(1, 10_000).default(4),
  MASSIF_POOL_SLURM_JOBS: whole(0, 10_000).default(0),
  MASSIF_POOL_SLURM_GRES: word(/^[A-Za-z][\w.-]*(:[\w.-]+){0,2}$/, 'such as gpu:a100:1').optional(),
  MASSIF_POOL_SLURM_PARTITION: word(/^[\w.,-]+$/, 'the name of a partition').optional(),
  MASSIF_POOL_SLURM_ACCOUNT: word(/^[\w.-]+$/, 'the name of an account').optional(),
  MASSIF_POOL_SLURM_QOS: word(/^[\w.-]+$/, 'the name of a quality of service').optional(),
  MASSIF_POOL_SLURM_MINUTES: whole(1, 43_200).default(60),
  MASSIF_POOL_SLURM_MIB: whole(256, 16_777_216).default(8_192),
  MASSIF_POOL_KUBERNETES_DEPLOYMENT: word(/^[a-z0-9][a-z0-9.-]*$/, 'the name of a deployment').optional(),
  MASSIF_POOL_KUBERNETES_NAMESPACE: word(/^[a-z0-9][a-z0-9-]*$/, 'the name of a namespace').default(
    'default',
  ),
  MASSIF_POOL_KUBERNETES_SELECTOR: z.string().optional(),
  MASSIF_POOL_KUBERNETES_PODS: whole(1, 10_000).default(4),
  MASSIF_POOL_NODE: z.string().optional(),
  MASSIF_POOL_NATS_URL: z.string().optional(),
  MASSIF_POOL_CONSUL_URL: z.string().optional(),
  MASSIF_POOL_LINGER_MS: whole(0, 86_400_000).default(30_000),
});

export function readAutoscalerConfig(env: Environment = process.env): AutoscalerConfig {
  const read = readEnv(AutoscalerEnvironment, env);
  const { MASSIF_POOL_WEBHOOK_URL: url, MASSIF_POOL_WEBHOOK_SECRET: secret } = read;
  if (url !== undefined && secret === undefined)
    throw new ConfigError('MASSIF_POOL_WEBHOOK_SECRET must be set with MASSIF_POOL_WEBHOOK_URL.');
  return Object.freeze({
    residentsMax: read.MASSIF_RESIDENTS_MAX,
    webhook: url && secret ? { url, secret, nodesMax: read.MASSIF_POOL_WEBHOOK_NODES } : undefined,
    slurm: slurmOf(read, env),
    kubernetes: kubernetesOf(read),
    poolProcessesMax: read.MASSIF_POOL_PROCESSES,
    poolEntry: read.MASSIF_POOL_SHARD ?? fileURLToPath(new URL('../shard/main.js', import.meta.url)),
    poolThreads: read.MASSIF_POOL_THREADS,
    poolEngineMib: read.MASSIF_POOL_ENGINE_MIB_MAX,
    poolNiceness: read.MASSIF_POOL_NICENESS,
    poolLingerMs: read.MASSIF_POOL_LINGER_MS,
  });
}

function slurmOf(read: z.infer<typeof AutoscalerEnvironment>, env: Environment): SlurmConfig | undefined {
  if (read.MASSIF_POOL_SLURM_JOBS === 0) return undefined;
  const optional = {
    gres: read.MASSIF_POOL_SLURM_GRES,
    partition: read.MASSIF_POOL_SLURM_PARTITION,
    account: read.MASSIF_POOL_SLURM_ACCOUNT,
    qos: read.MASSIF_POOL_SLURM_QOS,
    natsUrl: read.MASSIF_POOL_NATS_URL,
    consulUrl: read.MASSIF_POOL_CONSUL_URL,
  };
  // A job starts with an empty environment. `scontrol` has to be found in it, for a shard that died to be queued again.
  const { PATH } = env;
  return {
    nodesMax: read.MASSIF_POOL_SLURM_JOBS,
    memoryMib: read.MASSIF_POOL_SLURM_MIB,
    leaseMinutes: read.MASSIF_POOL_SLURM_MINUTES,
    node: read.MASSIF_POOL_NODE ?? process.execPath,
    env: PATH === undefined ? {} : { PATH },
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
  };
}

function kubernetesOf(read: z.infer<typeof AutoscalerEnvironment>): KubernetesConfig | undefined {
  const deployment = read.MASSIF_POOL_KUBERNETES_DEPLOYMENT;
  if (deployment === undefined) return undefined;
  return {
    deployment,
    namespace: read.MASSIF_POOL_KUBERNETES_NAMESPACE,
    selector: read.MASSIF_POOL_KUBERNETES_SELECTOR ?? `app=${deployment}`,
    nodesMax: read.MASSIF_POOL_KUBERNETES_PODS,
  };
}
