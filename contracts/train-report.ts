// What a training job found out about its model, on examples that it was not trained on. Written by the trainer, shown by the
// command line and the console.
import { z } from 'zod';

export const ClassFigures = z.object({
  name: z.string(),
  /** Undefined where nothing was given or predicted: no number is invented. */
  precision: z.number().optional(),
  recall: z.number().optional(),
  examples: z.int(),
});

/** How good: the share of right answers where classes are learned, R2 where a number is. */
export const Quality = z.object({ accuracy: z.number().optional(), r2: z.number().optional() });
export type Quality = z.infer<typeof Quality>;

export const ClassValidation = z.object({
  task: z.literal('classification').default('classification'),
  examples: z.int(),
  loss: z.number(),
  accuracy: z.number(),
  classes: z.array(ClassFigures),
  /** Row: what it is; column: what the model says. At most 64 classes. */
  confusion: z.array(z.array(z.int())).optional(),
  /** Expected calibration error over the bins. */
  calibrationError: z.number(),
  bins: z.array(z.object({ confidence: z.number(), accuracy: z.number(), examples: z.int() })),
});
export type ClassValidation = z.infer<typeof ClassValidation>;

export const NumberValidation = z.object({
  task: z.literal('regression'),
  examples: z.int(),
  /** As it was trained, in deviations of the target. */
  loss: z.number(),
  /** 1 - squares of the errors / squares of the distances from the mean; absent where all targets are equal. */
  r2: z.number().optional(),
  /** These three in the target's own unit. */
  meanAbsoluteError: z.number(),
  rootMeanSquareError: z.number(),
  largestError: z.number(),
  /** Evenly drawn from the examples. */
  points: z.array(z.object({ given: z.number(), said: z.number() })),
});
export type NumberValidation = z.infer<typeof NumberValidation>;

export const Validation = z.union([NumberValidation, ClassValidation]);
export type Validation = z.infer<typeof Validation>;

export const qualityOf = (validation: Validation): Quality =>
  validation.task === 'regression' ? { r2: validation.r2 } : { accuracy: validation.accuracy };

export const EpochFigures = z.object({
  epoch: z.int(),
  loss: z.number(),
  validationLoss: z.number(),
  validationAccuracy: z.number().optional(),
  validationR2: z.number().optional(),
  rate: z.number(),
});
export type EpochFigures = z.infer<typeof EpochFigures>;

/** One combination that a search tried, or the baseline. */
export const Trial = z.object({
  name: z.string(),
  epochs: z.int(),
  parameterCount: z.int(),
  validationLoss: z.number(),
  validationAccuracy: z.number().optional(),
  validationR2: z.number().optional(),
  /** Of those that were trained to the end. */
  testAccuracy: z.number().optional(),
  testR2: z.number().optional(),
  ended: z.enum(['chosen', 'finished', 'stopped early', 'diverged', 'refused']),
  why: z.string().optional(),
});
export type Trial = z.infer<typeof Trial>;

export const TrainReport = z.object({
  /** On the test part; on the validation part where there is none. */
  measuredOn: z.enum(['test', 'validation']),
  validation: Validation,
  history: z.array(EpochFigures),
  trials: z.array(Trial),
  examples: z.object({ train: z.int(), validation: z.int(), test: z.int() }),
  /** What was found in the data and done about it. */
  notes: z.array(z.string()),
  parameterCount: z.int(),
  dataDigest: z.string(),
  modelDigest: z.string(),
  seed: z.int(),
  environment: z.record(z.string(), z.string()),
  trainedMs: z.number(),
  /** SVG, by name. */
  plots: z.record(z.string(), z.string()),
});
export type TrainReport = z.infer<typeof TrainReport>;
