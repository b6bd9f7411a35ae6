// What an operator may set for a shard host. Read once, while the module is made.
import { availableParallelism, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { ShardDevice } from '../../contracts/heartbeat.js';
import { BODY_BYTES_MAX } from '../../contracts/large-body.js';
import { RegionName } from '../../contracts/names.js';
import { DeviceKind, deviceClassOf } from '../../contracts/placement.js';
import { ConfigError, type Environment, readEnv } from '../mesh/service-config.js';

export interface ShardConfig {
  /** The program of an engine process. */
  readonly engineEntry: string;
  /** Threads of one run. Two engines of one thread beat one of two on small machines. */
  readonly engineThreads: number;
  /** Memory at which an engine is replaced by a fresh one. */
  readonly engineRssBytesMax: number;
  /** Requests that a replica of a fast model holds before it answers MAILBOX_FULL. */
  readonly capacityMax: number;
  /** Rows that share a run at most; 1: every request runs alone. */
  readonly batchRowsMax: number;
  readonly cacheBytesMax: number;
  /** Of one request or answer. */
  readonly bodyMaxBytes: number;
  /** Of all answers that an engine keeps for those who ask the same again. */
  readonly keptMaxBytes: number;
  /** False: engines tell the auditor nothing of their answers. */
  readonly observe?: boolean;
  readonly device: ShardDevice;
}

const MIB = 1_048_576;

const wholeFrom = (least: number) =>
  z.coerce
    .number(`must be a whole number of at least ${least}`)
    .int(`must be a whole number of at least ${least}`)
    .min(least, `must be a whole number of at least ${least}`);

const positive = () => z.coerce.number('must be a number above 0').positive('must be a number above 0');

const ShardEnvironment = z.object({
  MASSIF_SHARD_DEVICE: DeviceKind.default('cpu'),
  MASSIF_SHARD_CORES: wholeFrom(1).optional(),
  MASSIF_SHARD_MEMORY_MIB: wholeFrom(1).optional(),
  MASSIF_SHARD_ZONE: z
    .string()
    .refine((name) => RegionName.safeParse(name).success, 'must be a name such as zone-a')
    .optional(),
  MASSIF_SHARD_POOL: z.string().max(32, 'must have at most 32 characters').optional(),
  MASSIF_SHARD_PRICE: z.coerce
    .number('must be a price per hour')
    .min(0, 'must be a price per hour')
    .optional(),
  MASSIF_SHARD_SPEED: positive().optional(),
  MASSIF_SHARD_ENGINE: z.string().optional(),
  MASSIF_SHARD_ENGINE_THREADS: wholeFrom(1).default(1),
  MASSIF_SHARD_ENGINE_MIB_MAX: wholeFrom(128).default(4_096),
  MASSIF_SHARD_CAPACITY_MAX: wholeFrom(1).default(512),
  MASSIF_BODY_MAX_BYTES: wholeFrom(1_024).default(BODY_BYTES_MAX),
  MASSIF_SHARD_BATCH_ROWS_MAX: wholeFrom(1).default(256),
  MASSIF_SHARD_KEPT_MIB_MAX: wholeFrom(1).default(32),
  MASSIF_SHARD_OBSERVE: z.enum(['on', 'off'], 'must be on or off').default('on'),
  MASSIF_SHARD_CACHE_MIB_MAX: wholeFrom(64).default(32 * 1_024),
});

export function readShardConfig(env: Environment = process.env): ShardConfig {
  const read = readEnv(ShardEnvironment, env);
  return Object.freeze({
    engineEntry: read.MASSIF_SHARD_ENGINE ?? fileURLToPath(new URL('./engine/engine.js', import.meta.url)),
    engineThreads: read.MASSIF_SHARD_ENGINE_THREADS,
    engineRssBytesMax: read.MASSIF_SHARD_ENGINE_MIB_MAX * MIB,
    capacityMax: read.MASSIF_SHARD_CAPACITY_MAX,
    batchRowsMax: read.MASSIF_SHARD_BATCH_ROWS_MAX,
    cacheBytesMax: read.MASSIF_SHARD_CACHE_MIB_MAX * MIB,
    keptMaxBytes: read.MASSIF_SHARD_KEPT_MIB_MAX * MIB,
    bodyMaxBytes: read.MASSIF_BODY_MAX_BYTES,
    observe: read.MASSIF_SHARD_OBSERVE === 'on',
    device: deviceOf(read),
  });
}

/** What nobody set is left out: placing has its own idea of it then. */
function deviceOf(read: z.infer<typeof ShardEnvironment>): ShardDevice {
  const kind = read.MASSIF_SHARD_DEVICE;
  const memoryMib = read.MASSIF_SHARD_MEMORY_MIB;
  const isCuda = deviceClassOf(kind) === 'cuda';
  if (isCuda && memoryMib === undefined)
    throw new ConfigError(
      `MASSIF_SHARD_MEMORY_MIB must be the memory of ${kind} in MiB: models are placed by it, and the machine's own says nothing of it.`,
    );
  return {
    kind,
    cores: read.MASSIF_SHARD_CORES ?? availableParallelism(),
    memoryBytes: memoryMib === undefined ? totalmem() : memoryMib * MIB,
    providers: isCuda ? ['cuda', 'cpu'] : ['cpu'],
    ...(read.MASSIF_SHARD_ZONE !== undefined && { zone: read.MASSIF_SHARD_ZONE }),
    ...(read.MASSIF_SHARD_POOL !== undefined && { pool: read.MASSIF_SHARD_POOL }),
    ...(read.MASSIF_SHARD_PRICE !== undefined && { pricePerHour: read.MASSIF_SHARD_PRICE }),
    ...(read.MASSIF_SHARD_SPEED !== undefined && { speed: read.MASSIF_SHARD_SPEED }),
  };
}
