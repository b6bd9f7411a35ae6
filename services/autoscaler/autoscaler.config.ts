// What an operator may set for an autoscaler. Read once, while the module is made.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { ConfigError, type Environment, readEnv } from '../mesh/service-config.js';
import type { NodePrograms } from './pools/node-env.js';
import { PoolSpec, PoolSpecs } from './pools/pool-spec.js';

export interface AutoscalerConfig {
  /** Endpoints that may sleep and are awake in a region at once. */
  readonly residentsMax: number;
  /** Most that all nodes of all pools together may cost an hour. */
  readonly budgetPerHour: number | undefined;
  readonly pools: PoolConfig;
}

export interface PoolConfig {
  readonly specs: readonly PoolSpec[];
  readonly programs: NodePrograms;
  /** Variables of trainers and compressors, for jobs that run in a pool. */
  readonly jobEnv: Readonly<Record<string, string>>;
  /** Nodes that nobody needs are kept for so long. */
  readonly lingerMs: number;
  /** Node's binary, the mesh and the environment, as the machines of a cluster see them. */
  readonly elsewhere: {
    readonly node: string;
    readonly natsUrl?: string;
    readonly consulUrl?: string;
    readonly env: Readonly<Record<string, string>>;
  };
}

const whole = (least: number, most = 1_000_000) =>
  z.coerce
    .number(`must be a whole number from ${least} to ${most}`)
    .int(`must be a whole number from ${least} to ${most}`)
    .min(least, `must be a whole number from ${least} to ${most}`)
    .max(most, `must be a whole number from ${least} to ${most}`);

const AutoscalerEnvironment = z.object({
  MASSIF_RESIDENTS_MAX: whole(1).default(2_000),
  MASSIF_BUDGET_PER_HOUR: z.coerce
    .number('must be an amount, 0 or more')
    .min(0, 'must be an amount, 0 or more')
    .optional(),
  MASSIF_POOLS: z.string().optional(),
  MASSIF_POOL_PROCESSES: whole(0, 256).default(0),
  MASSIF_POOL_SHARD: z.string().optional(),
  MASSIF_POOL_TRAINER: z.string().optional(),
  MASSIF_POOL_COMPRESSOR: z.string().optional(),
  MASSIF_POOL_THREADS: whole(1, 256).default(1),
  MASSIF_POOL_ENGINE_MIB_MAX: whole(128).default(4_096),
  MASSIF_POOL_NICENESS: whole(0, 19).default(0),
  MASSIF_POOL_WEBHOOK_URL: z.string().optional(),
  MASSIF_POOL_WEBHOOK_SECRET: z.string().optional(),
  MASSIF_POOL_WEBHOOK_NODES: whole(1, 10_000).default(4),
  MASSIF_POOL_SLURM_JOBS: whole(0, 10_000).default(0),
  MASSIF_POOL_SLURM_GRES: z.string().optional(),
  MASSIF_POOL_SLURM_PARTITION: z.string().optional(),
  MASSIF_POOL_SLURM_ACCOUNT: z.string().optional(),
  MASSIF_POOL_SLURM_QOS: z.string().optional(),
  MASSIF_POOL_SLURM_MINUTES: whole(1, 43_200).default(60),
  MASSIF_POOL_SLURM_MIB: whole(256, 16_777_216).default(8_192),
  MASSIF_POOL_KUBERNETES_DEPLOYMENT: z.string().optional(),
  MASSIF_POOL_KUBERNETES_NAMESPACE: z.string().optional(),
  MASSIF_POOL_KUBERNETES_SELECTOR: z.string().optional(),
  MASSIF_POOL_KUBERNETES_PODS: whole(1, 10_000).default(4),
  MASSIF_POOL_NODE: z.string().optional(),
  MASSIF_POOL_NATS_URL: z.string().optional(),
  MASSIF_POOL_CONSUL_URL: z.string().optional(),
  MASSIF_POOL_LINGER_MS: whole(0, 86_400_000).default(30_000),
});
type Read = z.infer<typeof AutoscalerEnvironment>;

export function readAutoscalerConfig(env: Environment = process.env): AutoscalerConfig {
  const read = readEnv(AutoscalerEnvironment, env);
  // A job of a cluster starts with an empty environment. `scontrol` has to be found in it, for one that died to be queued again.
  const { PATH } = env;
  return Object.freeze({
    residentsMax: read.MASSIF_RESIDENTS_MAX,
    budgetPerHour: read.MASSIF_BUDGET_PER_HOUR,
    pools: {
      specs: specsOf(read),
      programs: {
        shard: read.MASSIF_POOL_SHARD ?? beside('../shard/main.js'),
        train: read.MASSIF_POOL_TRAINER ?? beside('../trainer/main.js'),
        compress: read.MASSIF_POOL_COMPRESSOR ?? beside('../compressor/main.js'),
      },
      jobEnv: Object.fromEntries(
        Object.entries(env).flatMap(([name, value]) =>
          /^MASSIF_(TRAINER|COMPRESSOR)_/.test(name) && value !== undefined ? [[name, value]] : [],
        ),
      ),
      lingerMs: read.MASSIF_POOL_LINGER_MS,
      elsewhere: {
        node: read.MASSIF_POOL_NODE ?? process.execPath,
        ...(read.MASSIF_POOL_NATS_URL && { natsUrl: read.MASSIF_POOL_NATS_URL }),
        ...(read.MASSIF_POOL_CONSUL_URL && { consulUrl: read.MASSIF_POOL_CONSUL_URL }),
        env: PATH === undefined ? {} : { PATH },
      },
    },
  });
}

const beside = (program: string): string => fileURLToPath(new URL(program, import.meta.url));

/** Those of the file, and one of each kind that the variables name. */
function specsOf(read: Read): PoolSpec[] {
  const file = read.MASSIF_POOLS;
  const listed = file === undefined ? [] : readSpecs(file);
  const named = [...namedProcess(read), ...namedWebhook(read), ...namedSlurm(read), ...namedKubernetes(read)];
  const specs = PoolSpecs.safeParse([...listed, ...named]);
  if (specs.success) return specs.data;
  throw new ConfigError(
    `The pools of MASSIF_POOLS and of MASSIF_POOL_* together ${specs.error.issues[0]?.message}.`,
  );
}

function readSpecs(file: string): unknown[] {
  const refuse = (why: string): never => {
    throw new ConfigError(
      `MASSIF_POOLS must be a file with a list of pools ([{"name": "gpu", "kind": "slurm", ...}]), got "${file}": ${why}.`,
    );
  };
  let given: unknown;
  try {
    given = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
  if (!Array.isArray(given)) return refuse('it is no list');
  for (const [at, one] of given.entries()) {
    const parsed = PoolSpec.safeParse(one);
    const [issue] = parsed.error?.issues ?? [];
    if (issue) refuse(`pool ${at + 1}, ${issue.path.map(String).join('.') || 'its form'}: ${issue.message}`);
  }
  return given;
}

/** A pool of the variables, whose first fault is told under the variable's name. */
function named(
  spec: Record<string, string | number | boolean | undefined>,
  variables: Readonly<Record<string, string>>,
): PoolSpec[] {
  const given = Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== undefined));
  const parsed = PoolSpec.safeParse(given);
  if (parsed.success) return [parsed.data];
  const [issue] = parsed.error.issues;
  const field = String(issue?.path[0]);
  throw new ConfigError(
    `${variables[field] ?? field} ${issue?.message}, got "${String(given[field] ?? 'nothing')}".`,
  );
}

function namedProcess(read: Read): PoolSpec[] {
  if (read.MASSIF_POOL_PROCESSES === 0) return [];
  return named(
    {
      kind: 'process',
      name: 'process',
      nodesMax: read.MASSIF_POOL_PROCESSES,
      threads: read.MASSIF_POOL_THREADS,
      engineMib: read.MASSIF_POOL_ENGINE_MIB_MAX,
      niceness: read.MASSIF_POOL_NICENESS,
    },
    {},
  );
}

function namedWebhook(read: Read): PoolSpec[] {
  const { MASSIF_POOL_WEBHOOK_URL: url, MASSIF_POOL_WEBHOOK_SECRET: secret } = read;
  if (url === undefined) return [];
  if (secret === undefined)
    throw new ConfigError('MASSIF_POOL_WEBHOOK_SECRET must be set with MASSIF_POOL_WEBHOOK_URL.');
  return named(
    { kind: 'webhook', name: 'webhook', url, secret, nodesMax: read.MASSIF_POOL_WEBHOOK_NODES },
    { url: 'MASSIF_POOL_WEBHOOK_URL', secret: 'MASSIF_POOL_WEBHOOK_SECRET' },
  );
}

function namedSlurm(read: Read): PoolSpec[] {
  if (read.MASSIF_POOL_SLURM_JOBS === 0) return [];
  return named(
    {
      kind: 'slurm',
      name: 'slurm',
      nodesMax: read.MASSIF_POOL_SLURM_JOBS,
      gres: read.MASSIF_POOL_SLURM_GRES,
      memoryMib: read.MASSIF_POOL_SLURM_MIB,
      minutes: read.MASSIF_POOL_SLURM_MINUTES,
      threads: read.MASSIF_POOL_THREADS,
      engineMib: read.MASSIF_POOL_ENGINE_MIB_MAX,
      partition: read.MASSIF_POOL_SLURM_PARTITION,
      account: read.MASSIF_POOL_SLURM_ACCOUNT,
      qos: read.MASSIF_POOL_SLURM_QOS,
    },
    {
      gres: 'MASSIF_POOL_SLURM_GRES',
      partition: 'MASSIF_POOL_SLURM_PARTITION',
      account: 'MASSIF_POOL_SLURM_ACCOUNT',
      qos: 'MASSIF_POOL_SLURM_QOS',
    },
  );
}

function namedKubernetes(read: Read): PoolSpec[] {
  const deployment = read.MASSIF_POOL_KUBERNETES_DEPLOYMENT;
  if (deployment === undefined) return [];
  return named(
    {
      kind: 'kubernetes',
      name: 'kubernetes',
      nodesMax: read.MASSIF_POOL_KUBERNETES_PODS,
      deployment,
      namespace: read.MASSIF_POOL_KUBERNETES_NAMESPACE,
      selector: read.MASSIF_POOL_KUBERNETES_SELECTOR,
    },
    {
      deployment: 'MASSIF_POOL_KUBERNETES_DEPLOYMENT',
      namespace: 'MASSIF_POOL_KUBERNETES_NAMESPACE',
    },
  );
}
