// What an operator may set for a shard host. Read once, while the module is made.
import { availableParallelism, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { BODY_BYTES_MAX } from '../../contracts/large-body.js';
import { type Environment, readEnv } from '../mesh/service-config.js';

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
  readonly device: { readonly kind: string; readonly cores: number; readonly memoryBytes: number };
}

const MIB = 1_048_576;

const wholeFrom = (least: number) =>
  z.coerce
    .number(`must be a whole number of at least ${least}`)
    .int(`must be a whole number of at least ${least}`)
    .min(least, `must be a whole number of at least ${least}`);

const ShardEnvironment = z.object({
  MASSIF_SHARD_ENGINE: z.string().optional(),
  MASSIF_SHARD_ENGINE_THREADS: wholeFrom(1).default(1),
  MASSIF_SHARD_ENGINE_MIB_MAX: wholeFrom(128).default(4_096),
  MASSIF_SHARD_CAPACITY_MAX: wholeFrom(1).default(512),
  MASSIF_BODY_MAX_BYTES: wholeFrom(1_024).default(BODY_BYTES_MAX),
  MASSIF_SHARD_BATCH_ROWS_MAX: wholeFrom(1).default(256),
  MASSIF_SHARD_KEPT_MIB_MAX: wholeFrom(1).default(32),
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
    device: { kind: 'cpu', cores: availableParallelism(), memoryBytes: totalmem() },
  });
}
