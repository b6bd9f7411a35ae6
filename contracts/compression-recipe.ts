// How a version is made smaller: a list of steps, applied in order. Written by people; the toolkit applies it. Steps that learn
// come before the one that rounds, since integers do not learn. Shares of 1.
import { z } from 'zod';
import { ModelName } from './names.js';
import { Network } from './train-job.js';

const Learning = {
  steps: z.int().min(0).max(100_000).default(300),
  rate: z.number().positive().max(1).default(1e-3),
};
const Weight = z.string().min(1).max(1_000);
const float = z.array(Weight).default([]);
const calibrator = z.enum(['minMax', 'percentile', 'entropy', 'squares']).default('minMax');

/** Who learns: the version itself, what is left of it when channels of least worth go, or a network described as for training. */
export const Student = z.discriminatedUnion('from', [
  z.object({ from: z.literal('itself') }),
  z.object({ from: z.literal('parent'), keep: z.number().gt(0).lt(1) }),
  z.object({ from: z.literal('network'), network: Network }),
]);
export type Student = z.infer<typeof Student>;

/** Whose answers are learned, where it is not the version that is compressed. It stands behind an endpoint of the mesh. */
export const EndpointTeacher = z.object({
  endpoint: ModelName,
  /** Name of its probabilities; its first output when not given. */
  output: z.string().min(1).max(1_000).optional(),
  /** For each class of the teacher the student's, or null where the student has none. When not given they are the same. */
  classes: z.array(z.int().min(0).nullable()).min(1).max(100_000).optional(),
});
export type EndpointTeacher = z.infer<typeof EndpointTeacher>;

export const CompressionStep = z.discriminatedUnion('kind', [
  /** Whole channels go until no more than these shares are left. */
  z
    .object({
      kind: z.literal('thin'),
      /** Of the multiplications. */
      keep: z.number().gt(0).lt(1).optional(),
      /** Of the median latency of one example on one thread, measured where it is made. */
      latency: z.number().gt(0).lt(1).optional(),
      /** Channels that stay, by the name of a weight that makes them: what a report says of a step that measured. */
      widths: z.record(Weight, z.int().min(1)).optional(),
      worth: z.enum(['taylor', 'magnitude', 'activation']).default('taylor'),
      ...Learning,
    })
    .refine(
      ({ keep, latency, widths }) => (widths === undefined) === (keep !== undefined || latency !== undefined),
      { message: 'a step that thins says "keep", "latency" or both, or "widths" alone' },
    ),
  /** Feature maps become smaller where it costs least, until this share of the multiplications is left. */
  z.object({
    kind: z.literal('pool'),
    keep: z.number().gt(0).lt(1),
    by: z
      .array(z.enum(['max', 'average', 'region']))
      .min(1)
      .default(['max', 'average', 'region']),
    /** Each place learns for so many steps before it is judged. */
    trialSteps: z.int().min(2).max(1_000).default(20),
    ...Learning,
  }),
  /** This share of single weights becomes 0, in rounds. */
  z.object({
    kind: z.literal('sparsify'),
    share: z.number().gt(0).lt(1),
    rounds: z.int().min(1).max(100).default(4),
    ...Learning,
  }),
  z.object({ kind: z.literal('tune'), ...Learning }),
  /** A student learns what a teacher answers. */
  z.object({
    kind: z.literal('distil'),
    student: Student.default({ from: 'itself' }),
    teacher: EndpointTeacher.optional(),
    /** So many inner values of the teacher are learned as well; a teacher behind an endpoint shows none. */
    hints: z.int().min(0).max(8).default(0),
    /** Of the teacher in the loss; the rest is the labels'. */
    share: z.number().gt(0).max(1).default(0.9),
    temperature: z.number().min(1).max(100).default(4),
    /** Noise on what the student sees, in deviations of the input. */
    jitter: z.number().min(0).max(10).default(0),
    ...Learning,
  }),
  z.object({
    kind: z.literal('static'),
    calibrator,
    scales: z.enum(['free', 'powerOfTwo']).default('free'),
    perChannel: z.boolean().default(true),
    weightBits: z.union([z.literal(7), z.literal(8), z.literal(16)]).default(8),
    float,
  }),
  /** 4 bits for the layers that bear them, until the file fits this share of that of int8. */
  z.object({ kind: z.literal('masked'), share: z.number().gt(0.5).lt(1), calibrator, float }),
  /** Loses at most this much of what is measured. */
  z.object({
    kind: z.literal('feedback'),
    drop: z.number().min(0).max(1),
    fourBits: z.boolean().default(false),
    ...Learning,
  }),
  z.object({ kind: z.literal('dynamic'), float }),
  z.object({
    kind: z.literal('blockwise'),
    blockSize: z.union([z.literal(16), z.literal(32), z.literal(64), z.literal(128)]).default(32),
    float,
  }),
  z.object({ kind: z.literal('float16') }),
]);
export type CompressionStep = z.infer<typeof CompressionStep>;

export const CompressionRecipe = z.object({
  steps: z.array(CompressionStep).min(1).max(20),
  budget: z
    .object({
      /** At most this much of what is measured may be lost. */
      drop: z.number().min(0).max(1).default(0.005),
      /** Of the parent's median; above it only bytes were gained. */
      latency: z.number().positive().max(10).default(0.97),
      /** Of the parent's file. */
      size: z.number().positive().max(1).default(1),
    })
    .prefault({}),
});
export type CompressionRecipe = z.infer<typeof CompressionRecipe>;
