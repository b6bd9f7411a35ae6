// The closed catalogue of functions that stand before and after the models of a pipeline: their parameters, what they take and
// what they give. The registry checks pipelines against it; engines have the functions themselves (services/shard/steps).
import { z } from 'zod';
import type { TensorType } from './pipeline.js';
import type { Datatype } from './tensor-spec.js';

export interface Port {
  /** Any when absent. */
  readonly datatype?: Datatype;
  /** -1: any size; any shape at all when absent. */
  readonly shape?: readonly number[];
}

export type Types = Readonly<Record<string, TensorType>>;

export interface StepFunctionSpec<P = unknown> {
  readonly about: string;
  readonly parameters: z.ZodType<P>;
  readonly takes: Readonly<Record<string, Port>>;
  /** The types were held against `takes` before. */
  readonly gives: (parameters: P, types: Types) => Types;
}

/** So that every function's parameters and types are tied together. */
const define = <P>(spec: StepFunctionSpec<P>): StepFunctionSpec<P> => spec;

const type = (datatype: Datatype, ...shape: number[]): TensorType => ({ datatype, shape });
const IMAGE: Port = { datatype: 'UINT8', shape: [-1, -1, 3] };
const LINES: Port = { datatype: 'UINT8', shape: [-1, -1, -1, 3] };
const ROWS: Port = { datatype: 'INT32', shape: [-1] };

const Channels = z.tuple([z.number(), z.number(), z.number()]);
const Share = z.number().min(0).max(1);
const colours = {
  order: z.enum(['rgb', 'bgr']).default('bgr'),
  /** Of values from 0 to 1, in the order of the channels. */
  mean: Channels.default([0.5, 0.5, 0.5]),
  std: Channels.default([0.5, 0.5, 0.5]),
};

export const STEP_FUNCTIONS = {
  'image-input': define({
    about:
      'a picture (rows, columns, red-green-blue) as planes of floats, sides a multiple of what the model needs',
    parameters: z.strictObject({
      ...colours,
      /** A larger picture is made smaller; its sides keep their ratio. */
      sideMax: z.int().min(32).max(2_048).default(960),
      multiple: z.int().min(1).max(128).default(32),
    }),
    takes: { image: IMAGE },
    gives: () => ({ x: type('FP32', 1, 3, -1, -1) }),
  }),
  'text-boxes': define({
    about: 'lines of text in the map of a DB detector: corners in pixels of the picture, in reading order',
    parameters: z.strictObject({
      threshold: Share.default(0.3),
      boxThreshold: Share.default(0.6),
      /** Kernels are shrunk text; area / perimeter times this is how far a box grows back. */
      unclip: z.number().min(0).max(5).default(1.5),
      sideMin: z.number().min(1).max(100).default(3),
      linesMax: z.int().min(1).max(1_000).default(200),
    }),
    takes: { map: { datatype: 'FP32', shape: [1, 1, -1, -1] }, image: IMAGE },
    gives: () => ({ boxes: type('FP32', -1, 4, 2), scores: type('FP32', -1) }),
  }),
  'crop-lines': define({
    about:
      'each box cut out, set upright and scaled to one height; padded to the widest, with their own widths beside',
    parameters: z.strictObject({
      height: z.int().min(8).max(256).default(48),
      widthMax: z.int().min(8).max(3_200).default(1_600),
    }),
    takes: { image: IMAGE, boxes: { datatype: 'FP32', shape: [-1, 4, 2] } },
    gives: ({ height }) => ({ lines: type('UINT8', -1, height, -1, 3), widths: type('INT32', -1) }),
  }),
  'line-input': define({
    about: 'cut-out lines as planes of floats; to one width, or as wide as the widest of them',
    parameters: z.strictObject({
      ...colours,
      /** Wider lines are squeezed, others padded; absent: the widest, up to a multiple. */
      width: z.int().min(8).max(3_200).optional(),
      multiple: z.int().min(1).max(128).default(16),
    }),
    takes: { lines: LINES, widths: ROWS },
    gives: ({ width = -1 }, { lines }) => ({
      x: type('FP32', rowsOf(lines), 3, lines?.shape[1] ?? -1, width),
    }),
  }),
  'rotate-lines': define({
    about: 'turns by half a turn the lines that a classifier found upside down (class 1)',
    parameters: z.strictObject({ threshold: Share.default(0.9) }),
    takes: { lines: LINES, widths: ROWS, classes: { datatype: 'FP32', shape: [-1, 2] } },
    gives: (_, { lines }) => ({ lines: lines as TensorType }),
  }),
  'ctc-text': define({
    about: "greedy CTC: the text of each row with the labels of the step's own version, and how sure it is",
    parameters: z.strictObject({}),
    takes: { y: { datatype: 'FP32', shape: [-1, -1, -1] } },
    gives: (_, { y }) => ({ text: type('BYTES', rowsOf(y)), scores: type('FP32', rowsOf(y)) }),
  }),
  'arg-max': define({
    about: 'the best class of each row, and its score',
    parameters: z.strictObject({}),
    takes: { y: { datatype: 'FP32', shape: [-1, -1] } },
    gives: (_, { y }) => ({ index: type('INT64', rowsOf(y)), scores: type('FP32', rowsOf(y)) }),
  }),
  'top-label': define({
    about: "the best class of each row by the labels of the step's own version",
    parameters: z.strictObject({}),
    takes: { y: { datatype: 'FP32', shape: [-1, -1] } },
    gives: (_, { y }) => ({ label: type('BYTES', rowsOf(y)), scores: type('FP32', rowsOf(y)) }),
  }),
  'keep-rows': define({
    about: 'the rows whose score is high enough',
    parameters: z.strictObject({ scoreMin: Share.default(0.5) }),
    takes: { rows: {}, scores: { datatype: 'FP32', shape: [-1] } },
    gives: (_, { rows }) => ({
      rows: { datatype: rows?.datatype ?? 'FP32', shape: [-1, ...(rows?.shape.slice(1) ?? [])] },
    }),
  }),
};

export type StepFunctionName = keyof typeof STEP_FUNCTIONS;
export type StepParameters<N extends StepFunctionName> = z.infer<(typeof STEP_FUNCTIONS)[N]['parameters']>;

export const isStepFunction = (name: string): name is StepFunctionName => Object.hasOwn(STEP_FUNCTIONS, name);

/** Whether a tensor of this type can be taken there: what varies on either side is seen when a request comes. */
export const fits = (given: TensorType, port: Port): boolean =>
  (port.datatype === undefined || given.datatype === port.datatype) &&
  (port.shape === undefined ||
    (port.shape.length === given.shape.length &&
      port.shape.every((wanted, i) => wanted === -1 || given.shape[i] === -1 || wanted === given.shape[i])));

const rowsOf = (tensor: TensorType | undefined): number => tensor?.shape[0] ?? -1;
