// What preparation leaves in the job's folder: a file of examples for each part, and this description of them. Training, validation
// and the graph's first nodes (normalisation, one-hot) are made from it.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type ExampleInput, type ExampleLayout, type ExampleTarget, ExampleWriter } from './example-file.js';
import { type Part, PARTS } from './split.js';

const NumberColumn = z.object({
  name: z.string(),
  kind: z.literal('number'),
  mean: z.number(),
  deviation: z.number(),
  /** Values beyond are drawn in; absent where the column has no outliers by nature. */
  fences: z.object({ low: z.number(), high: z.number() }).optional(),
});
const CategoryColumn = z.object({
  name: z.string(),
  kind: z.literal('category'),
  values: z.array(z.string()),
});

/** How an example's elements came about, which is also what a caller of the model has to send. */
export const Features = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('table'),
    columns: z.array(z.discriminatedUnion('kind', [NumberColumn, CategoryColumn])),
  }),
  z.object({ kind: z.literal('image'), mean: z.number(), deviation: z.number() }),
  z.object({
    kind: z.literal('tokens'),
    method: z.enum(['hashed', 'words', 'characters']),
    /** Token numbers are below this; 0 fills up. */
    vocabulary: z.int(),
    /** In the order of their numbers, from 1; empty for hashed ones. */
    tokens: z.array(z.string()),
  }),
]);
export type Features = z.infer<typeof Features>;

/** A number that is learned: its column, and what it is normalised with, from training rows alone. */
export const NumberTarget = z.object({ name: z.string(), mean: z.number(), deviation: z.number() });
export type NumberTarget = z.infer<typeof NumberTarget>;

export const Prepared = z.object({
  element: z.enum(['float32', 'uint8', 'int32']),
  shape: z.array(z.int()),
  targetSize: z.int(),
  targetElement: z.enum(['int32', 'float32']).default('int32'),
  /** None where a number is learned. */
  classes: z.array(z.string()),
  target: NumberTarget.optional(),
  /** Examples of each class in the training part. */
  classCounts: z.array(z.int()),
  counts: z.record(z.enum(PARTS), z.int()),
  features: Features,
  cleaning: z.object({
    rows: z.int(),
    duplicatesDropped: z.int(),
    /** The same features with another class: they stay, together in one part. */
    contradictions: z.int(),
    /** Rows that came after the memory for fingerprints was full. */
    unchecked: z.int(),
  }),
  notes: z.array(z.string()),
  /** SHA-256 over the examples of all parts and the features: the same data prepared the same way. */
  digest: z.string(),
});
export type Prepared = z.infer<typeof Prepared>;

export const partFile = (folder: string, part: Part): string => join(folder, `${part}.examples`);

export function readPrepared(folder: string): Prepared | undefined {
  let text: string;
  try {
    text = readFileSync(join(folder, 'prepared.json'), 'utf8');
  } catch {
    return undefined;
  }
  return Prepared.parse(JSON.parse(text));
}

export class PartWriters {
  private readonly writers: Readonly<Record<Part, ExampleWriter>>;
  private readonly classCounts: number[] = [];

  constructor(
    private readonly folder: string,
    private readonly layout: ExampleLayout,
  ) {
    const open = (part: Part) => new ExampleWriter(partFile(folder, part), layout);
    this.writers = { train: open('train'), validation: open('validation'), test: open('test') };
  }

  add(part: Part, input: ExampleInput, target: ExampleTarget): void {
    this.writers[part].add(input, target);
    if (part === 'train' && target instanceof Int32Array && target.length === 1)
      this.classCounts[target[0] ?? 0] = (this.classCounts[target[0] ?? 0] ?? 0) + 1;
  }

  get counts(): Record<Part, number> {
    const { train, validation, test } = this.writers;
    return { train: train.count, validation: validation.count, test: test.count };
  }

  /** The description is written last: its presence says that the examples are whole. */
  finish(rest: Pick<Prepared, 'classes' | 'features' | 'cleaning' | 'notes' | 'target'>): Prepared {
    const { element, shape, targetSize, targetElement = 'int32' } = this.layout;
    const meaning = [rest.features, rest.classes, ...(rest.target === undefined ? [] : [rest.target])];
    const hash = createHash('sha256').update(JSON.stringify(meaning));
    for (const part of PARTS) hash.update(this.writers[part].close());
    const prepared: Prepared = {
      element,
      shape: [...shape],
      targetSize,
      targetElement,
      classCounts: rest.classes.map((_, label) => this.classCounts[label] ?? 0),
      counts: this.counts,
      ...rest,
      digest: hash.digest('hex'),
    };
    writeFileSync(join(this.folder, 'prepared.json'), JSON.stringify(prepared));
    return prepared;
  }
}
