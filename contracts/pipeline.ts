// A graph of models behind one name: what its author declares, what the registry keeps, and what travels with each request. The
// tensors of a request have names of their own; steps take some and add more, each name made once, so there is no cycle.
import { z } from 'zod';
import { EndpointName } from './names.js';
import { Datatype, TensorSpec } from './tensor-spec.js';

export const STEPS_MAX = 16;
const PROCESSINGS_MAX = 16;
const TENSORS_MAX = 64;
/** Of the JSON that goes with every request, in a header. */
export const PLAN_BYTES_MAX = 16_384;

const MICRO_BATCH_MAX = 1_024;

const TensorName = z.string().min(1).max(128);
/** The names of models' own tensors may be anything. */
const PortName = z.string().min(1).max(4_096);
export const StepName = z.string().regex(/^[A-Za-z0-9][\w.-]{0,63}$/);

/** -1 where a dimension varies. */
export const TensorType = z.object({ datatype: Datatype, shape: z.array(z.int().min(-1)).max(32) });
export type TensorType = z.infer<typeof TensorType>;

/** What a model or a function calls a tensor -> what the pipeline calls it. */
const Wiring = z
  .record(PortName, TensorName)
  .refine((wiring) => Object.keys(wiring).length <= TENSORS_MAX, { message: 'too many tensors' });

/** One of the functions of step-functions.ts, with its parameters. */
export const Processing = z.object({
  use: z.string().max(64),
  with: z.record(z.string().max(64), z.unknown()).default({}),
  in: Wiring,
  out: Wiring,
});
export type Processing = z.infer<typeof Processing>;

export const PipelineStep = z.object({
  name: StepName,
  /** Whatever it serves at the moment: its own weights decide the version, and the same user sticks. */
  endpoint: EndpointName,
  /** Where the step runs, before the model. */
  before: z.array(Processing).max(PROCESSINGS_MAX).default([]),
  in: Wiring,
  out: Wiring,
  /** Where the step ran, after the model: what it leaves is what has to travel. */
  after: z.array(Processing).max(PROCESSINGS_MAX).default([]),
  /**
   * Tensors with the same number of rows. With none the step is skipped; with some they run together, or each by itself, which
   * suits models that gain nothing from batches and rows of different lengths.
   */
  rows: z.object({ of: z.array(TensorName).min(1).max(16), run: z.enum(['together', 'each']) }).optional(),
});
export type PipelineStep = z.infer<typeof PipelineStep>;

const DeclaredTensor = TensorType.extend({ name: TensorName });

export const PipelineSpec = z.object({
  name: EndpointName,
  description: z.string().max(1_000).default(''),
  inputs: z.array(DeclaredTensor).min(1).max(TENSORS_MAX),
  steps: z.array(PipelineStep).min(1).max(STEPS_MAX),
  /** Which tensors the caller gets, in this order. */
  outputs: z.array(TensorName).min(1).max(TENSORS_MAX),
  /**
   * Of requests with more rows than this, so many at a time go through the steps one behind the other, so that all steps have work; the
   * answer is put together again. For stages of one model whose rows do not depend on each other.
   */
  microBatch: z.int().min(1).max(MICRO_BATCH_MAX).optional(),
  /** For calls that bring no deadline of their own. */
  timeoutMs: z.int().min(1).max(600_000).default(10_000),
});
export type PipelineSpec = z.infer<typeof PipelineSpec>;

/** In the catalog bucket. Steps are in an order in which they can run; parameters have their defaults. */
export const PipelineRecord = PipelineSpec.extend({
  /** 1, 2, ... grows with every change; callers see it as the version. */
  revision: z.int().min(1),
  /** Of every tensor, as far as it is known before a request comes. */
  tensors: z.record(TensorName, TensorType),
  /** Steps keep a state: it is called in sequences, whose steps go to the replicas that had them before. */
  stateful: z.boolean().optional(),
  updatedAt: z.iso.datetime(),
});
export type PipelineRecord = z.infer<typeof PipelineRecord>;

/** What engines need of it. */
export const PipelinePlan = PipelineRecord.pick({
  name: true,
  revision: true,
  inputs: true,
  steps: true,
  outputs: true,
  tensors: true,
  microBatch: true,
  stateful: true,
});
export type PipelinePlan = z.infer<typeof PipelinePlan>;

/** The tensors that a step adds to those of the request. */
export const madeBy = ({ before, out, after }: PipelineStep): string[] => [
  ...before.flatMap((one) => Object.values(one.out)),
  ...Object.values(out),
  ...after.flatMap((one) => Object.values(one.out)),
];

/** The tensors that a step looks at, its own among them. */
export const takenBy = ({ rows, before, in: wiring, after }: PipelineStep): string[] => [
  ...(rows?.of ?? []),
  ...[...before, ...after].flatMap((one) => Object.values(one.in)),
  ...Object.values(wiring),
];

/** Inputs and outputs in the form that models declare theirs. */
export function pipelineSignature({ inputs, outputs, tensors }: PipelinePlan): {
  inputs: TensorSpec[];
  outputs: TensorSpec[];
} {
  const spec = (name: string, { datatype, shape }: TensorType): TensorSpec => ({
    name,
    datatype,
    shape,
    dims: shape.map(() => ''),
  });
  return {
    inputs: inputs.map((input) => spec(input.name, input)),
    outputs: outputs.flatMap((name) => (tensors[name] ? [spec(name, tensors[name])] : [])),
  };
}

export const PipelineReply = z.object({ pipeline: PipelineRecord });
export type PipelineReply = z.infer<typeof PipelineReply>;
export const PipelineQuery = z.object({ pipeline: EndpointName });
export type PipelineQuery = z.infer<typeof PipelineQuery>;
export const PipelinesReply = z.object({ pipelines: z.array(PipelineRecord) });
export type PipelinesReply = z.infer<typeof PipelinesReply>;
