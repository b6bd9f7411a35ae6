// What engines of one stateful model say to each other: who began a sequence (whoever had one of that name drops it), who is there
// to take sequences over, and the state of one on its way. The state travels as a body of the protocol, its tensors as inputs.
import { z } from 'zod';
import { Digest } from './names.js';

/** A replica in one engine process: `<replica>_<unique>`; while it moves, two holders have the same replica. */
export const Holder = z.string().regex(/^[\w-]{1,200}$/);

export const SequenceTalk = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('began'),
    holder: Holder,
    endpoint: z.string().max(128),
    sequence: z.string().max(128),
  }),
  /** Answered by every holder of the version that takes sequences. */
  z.object({ kind: z.literal('who'), holder: Holder, version: Digest }),
  /** To a successor in the same replica: everything that it should have has been sent. */
  z.object({ kind: z.literal('done'), holder: Holder, to: Holder }),
]);
export type SequenceTalk = z.infer<typeof SequenceTalk>;

/** The answer to `who`. */
export const HolderReply = z.object({
  holder: Holder,
  replica: z.string(),
  region: z.string(),
  open: z.int().min(0),
  /** False: it leaves itself. Its successor must know of it all the same. */
  takes: z.boolean(),
});
export type HolderReply = z.infer<typeof HolderReply>;

/** Stands as text in the parameter `sequence` of a state on its way. */
export const MovedSequence = z.object({
  endpoint: z.string().max(128),
  id: z.string().min(1).max(128),
  steps: z.int().min(0),
  /** It has ended, and is kept for a moment to answer repetitions of its last step. */
  ended: z.boolean(),
  /** Ids of the last requests, the newest last; the answer to that one is the tensor `answer`, when it is small enough. */
  requests: z.array(z.string().max(128)).max(64),
  answerJsonLength: z.int().min(0).optional(),
  /** The answer goes on to this step of a pipeline; to the caller when not given. */
  answerStep: z.int().min(0).optional(),
});
export type MovedSequence = z.infer<typeof MovedSequence>;
