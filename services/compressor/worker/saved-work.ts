// Where a compression job is, in one file: the recipes that a search tried, and the model after the last step of the recipe at work. A
// worker that takes a job over goes on from here, to the same bytes. A line of JSON, then the model.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { CompressionRecipe, CompressionStep } from '../../../contracts/compression-recipe.js';
import { RecipeTrial } from '../../../contracts/compress-report.js';

const Chosen = z.object({ name: z.string(), recipe: CompressionRecipe });
export type Chosen = z.infer<typeof Chosen>;

const Head = z.object({
  /** Of job and parent: another one's work is no use. */
  fingerprint: z.string(),
  trials: z.array(RecipeTrial),
  /** Once a search is over, or from the beginning where a recipe was given. */
  chosen: Chosen.optional(),
  steps: z.array(
    z.object({ step: z.string(), bytes: z.int(), detail: z.unknown(), as: CompressionStep.optional() }),
  ),
});

export type SavedWork = z.infer<typeof Head> & { readonly model: Uint8Array };

export const fingerprintOf = (...facts: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(facts)).digest('hex');

export function readWork(path: string, fingerprint: string): SavedWork | undefined {
  if (!existsSync(path)) return undefined;
  const bytes = readFileSync(path);
  const end = bytes.indexOf(10);
  const head = Head.safeParse(JSON.parse(bytes.subarray(0, end).toString()));
  if (!head.success || head.data.fingerprint !== fingerprint) return undefined;
  return { ...head.data, model: new Uint8Array(bytes.subarray(end + 1)) };
}

/** Whole or not at all: the process may be killed at any moment. */
export function writeWork(path: string, { model, ...head }: SavedWork): void {
  writeWhole(path, Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), model]));
}

export function writeWhole(path: string, content: Uint8Array | string): void {
  writeFileSync(`${path}.new`, content);
  renameSync(`${path}.new`, path);
}
