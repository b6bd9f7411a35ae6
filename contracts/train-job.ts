// What a training job is asked to do: which data, which network, how to learn, and what becomes of it. Written by people and
// recipes, read by the trainer. Times in milliseconds, shares of 1.
import { z } from 'zod';
import { Digest, Label, ModelName } from './names.js';

/** Lies in the object store of training under its digest. */
export const DataFile = z.object({ name: z.string().min(1).max(255), digest: Digest, bytes: z.int().min(1) });
export type DataFile = z.infer<typeof DataFile>;

const ColumnName = z.string().min(1).max(200);

const TableFields = {
  file: DataFile,
  target: ColumnName,
  /** What the target is: one of several classes, or a number. */
  task: z.enum(['classification', 'regression']).default('classification'),
  /** What columns are, where the data alone would mislead. */
  kinds: z.record(ColumnName, z.enum(['number', 'category', 'ignored'])).default({}),
  /** Rows with the same value here stay together in one part. */
  group: ColumnName.optional(),
  /** Learn from this column as text, and from no other. */
  text: ColumnName.optional(),
  outliers: z.enum(['clip', 'keep']).default('clip'),
  duplicates: z.enum(['drop', 'keep']).default('drop'),
};

export const DataSpec = z.discriminatedUnion('format', [
  z.object({
    format: z.literal('csv'),
    ...TableFields,
    header: z.boolean().default(true),
    delimiter: z.string().length(1).optional(),
  }),
  z.object({ format: z.literal('jsonl'), ...TableFields }),
  z.object({ format: z.literal('idx'), images: DataFile, labels: DataFile }),
  /** A folder with one folder a class, below the folder of data sets that the trainer was given. */
  z.object({
    format: z.literal('folder'),
    path: z.string().min(1).max(500),
    height: z.int().min(1).max(1_024),
    width: z.int().min(1).max(1_024),
    channels: z.union([z.literal(1), z.literal(3)]).default(3),
  }),
  /** The same folder as a tar file, which may end in .gz. */
  z.object({
    format: z.literal('pictures'),
    file: DataFile,
    height: z.int().min(1).max(1_024),
    width: z.int().min(1).max(1_024),
    channels: z.union([z.literal(1), z.literal(3)]).default(3),
  }),
  /** Running text: learns which character follows. */
  z.object({ format: z.literal('text'), file: DataFile }),
  /** An npm package that a recipe knows. */
  z.object({
    format: z.literal('package'),
    name: z.enum(['iris', 'digits', 'spam', 'mails', 'brown', 'petals']),
    /** At most so many examples, evenly drawn. */
    examples: z.int().min(10).optional(),
  }),
]);
export type DataSpec = z.infer<typeof DataSpec>;

export const TokenSpec = z.object({
  method: z.enum(['hashed', 'words', 'characters']).default('words'),
  vocabulary: z.int().min(32).max(65_536).default(4_096),
  length: z.int().min(4).max(1_024).default(64),
});

export type TokenSpec = z.infer<typeof TokenSpec>;

export const SplitSpec = z.object({
  seed: z.int().min(0).default(1),
  validation: z.number().min(0.01).max(0.5).default(0.1),
  test: z.number().min(0).max(0.5).default(0.2),
  fold: z.object({ of: z.int().min(2).max(20), index: z.int().min(0) }).optional(),
});

export type SplitSpec = z.infer<typeof SplitSpec>;

const Width = z.int().min(1).max(4_096);
const Dropout = z.number().min(0).max(0.9).default(0);
/** Of networks that read texts: each token has a score for each class besides, as in the linear network. */
const Wide = z.boolean().default(false);
const Heads = z.int().min(1).max(16).default(2);
const Recurrent = {
  embedding: Width.default(32),
  hidden: Width.default(32),
  bothWays: z.boolean().default(true),
  dropout: Dropout,
  wide: Wide,
};
/** Filters of the first layer; the others follow. */
const Base = z.int().min(2).max(256).default(8);

export const Network = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('linear') }),
  z.object({ kind: z.literal('mlp'), hidden: z.array(Width).min(1).max(8), dropout: Dropout }),
  z.object({
    kind: z.literal('cnn'),
    /** Of each 3 x 3 convolution; each is followed by a pooling by two. */
    channels: z.array(Width).min(1).max(4),
    hidden: z.array(Width).max(4).default([64]),
    dropout: Dropout,
  }),
  z.object({ kind: z.literal('alexnet'), base: Base }),
  z.object({ kind: z.literal('vgg'), base: Base }),
  z.object({ kind: z.literal('googlenet'), base: Base }),
  z.object({ kind: z.literal('lstm'), ...Recurrent }),
  z.object({ kind: z.literal('gru'), ...Recurrent }),
  z.object({
    kind: z.literal('transformer'),
    width: Width.default(32),
    heads: Heads,
    layers: z.int().min(1).max(8).default(1),
    dropout: Dropout,
    wide: Wide,
  }),
  z.object({
    kind: z.literal('decoder'),
    width: Width.default(64),
    heads: Heads,
    layers: z.int().min(1).max(8).default(2),
  }),
]);
export type Network = z.infer<typeof Network>;

export const Training = z.object({
  /** First weights, order of examples, augmentation: everything that is drawn. */
  seed: z.int().min(0).default(1),
  epochs: z.int().min(1).max(10_000).default(20),
  batch: z.int().min(1).max(4_096).default(64),
  optimiser: z.enum(['sgd', 'momentum', 'adam', 'adamw']).default('adam'),
  rate: z.number().positive().max(10).default(0.001),
  /**
   * Of a number that is learned, in deviations of the target: mean squares, or Huber's loss (1964), where errors beyond one deviation
   * count by their size. Classes learn by cross-entropy.
   */
  loss: z.enum(['squares', 'huber']).default('squares'),
  schedule: z.enum(['constant', 'cosine']).default('cosine'),
  /** Share of all steps in which the rate rises to what it is. */
  warmup: z.number().min(0).max(0.5).default(0),
  weightDecay: z.number().min(0).max(1).default(0),
  /** Above 0: the weights that count are a running average over about 1 / (1 - average) steps. */
  average: z.number().min(0).max(0.9999).default(0),
  /** Share of probability that goes to all classes alike (Szegedy et al., 2016). */
  smoothing: z.number().min(0).max(0.5).default(0),
  /** Of the norm of all gradients together; 0: none. */
  clipNorm: z.number().min(0).default(0),
  /** Ends after so many epochs without a better validation loss. */
  patience: z.int().min(1).default(10),
  /** Shifts, turns and scales pictures a little, anew in every epoch. */
  augment: z.boolean().default(false),
  /** A checkpoint at least this often; one is written at the end of every epoch that took longer than a second too. */
  checkpointMs: z.int().min(0).default(10_000),
});
export type Training = z.infer<typeof Training>;

/** Many jobs in one: every network with every setting, the bad half stopped again and again, within the time given. */
export const SearchSpec = z.object({
  budgetMs: z.int().min(1_000).max(86_400_000),
  networks: z.array(Network).max(16).default([]),
  rates: z.array(z.number().positive()).max(8).default([]),
  batches: z.array(z.int().min(1).max(4_096)).max(8).default([]),
});

export const TrainJob = z.object({
  model: ModelName,
  /** When not given, the job's id. */
  label: Label.optional(),
  description: z.string().max(1_000).default(''),
  licence: z.string().max(200).default('unknown'),
  data: DataSpec,
  tokens: TokenSpec.prefault({}),
  split: SplitSpec.prefault({}),
  network: Network,
  training: Training.prefault({}),
  /** Goes on from the weights of this version; parameters whose names begin so stay as they are. */
  parent: z
    .object({
      model: ModelName,
      version: z.string().max(64).optional(),
      frozen: z.array(z.string()).default([]),
    })
    .optional(),
  search: SearchSpec.optional(),
  /** Compared on the same examples in the report; not published. */
  baseline: Network.optional(),
  /** False: the result stays a report. */
  publish: z.boolean().default(true),
  aliases: z.array(Label).max(16).default([]),
});
export type TrainJob = z.infer<typeof TrainJob>;

/** What has to be uploaded before the job. */
export function filesOf({ data }: { readonly data: DataSpec }): DataFile[] {
  if (data.format === 'idx') return [data.images, data.labels];
  return data.format === 'package' || data.format === 'folder' ? [] : [data.file];
}
