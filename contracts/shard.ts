// What an operator may tell a shard host (subjects.shardControl): the requests beside the verbs. The answer to `inspect` is its
// heartbeat of this moment.
import { z } from 'zod';

/** Replaces engine processes one by one, replicas first: by process id, or all of them. */
export const RecycleRequest = z.object({ pid: z.int().optional() });
export type RecycleRequest = z.infer<typeof RecycleRequest>;

export const RecycleReply = z.object({ engines: z.array(z.int()) });
export type RecycleReply = z.infer<typeof RecycleReply>;

/** Takes all replicas down and takes no new ones until the process starts anew. */
export const DrainReply = z.object({ replicas: z.int() });
export type DrainReply = z.infer<typeof DrainReply>;

/** Serves on, and gets nothing new placed: what it holds is placed elsewhere before it is drained. */
export const CordonReply = z.object({ replicas: z.int() });
export type CordonReply = z.infer<typeof CordonReply>;
