// Tries the recipes that have a name, the cheap ones first, until time is over: each is made, timed against the parent and judged on
// held examples. What failed, and why, is part of the answer.
import { CompressionRecipe } from '../../../contracts/compression-recipe.js';
import { COMPRESSION_RECIPES, type NamedRecipe } from '../../../contracts/compression-recipes.js';
import type { CompressJob } from '../../../contracts/compress-job.js';
import type { RecipeTrial } from '../../../contracts/compress-report.js';
import { failure, toFailure } from '../../../contracts/errors.js';
import type { Clock } from '../../mesh/clock.js';
import { applyRecipe, asCarriedOut } from '../../onnx/recipe/apply.js';
import { objections } from '../../onnx/recipe/guard.js';
import { budgetOf } from './choose.js';
import { edgeObjections, memoryOf } from './edge.js';
import type { Proof } from './proof.js';
import { recipeDataOf } from './recipe-data.js';
import { timed } from '../../onnx/recipe/timed.js';

export interface SearchParts {
  readonly how: Exclude<CompressJob['how'], { kind: 'recipe' }>;
  readonly parent: Uint8Array;
  readonly proof: Proof;
  readonly threads: number;
  readonly folder: string;
  readonly clock: Clock;
  /** After every recipe that was begun, with all that were tried so far. */
  readonly tried: (trials: readonly RecipeTrial[], of: number) => void;
}

/** `known`: of an earlier attempt; they are not tried again. */
export async function search(parts: SearchParts, known: readonly RecipeTrial[]): Promise<RecipeTrial[]> {
  const { how, proof, clock, tried, parent } = parts;
  const { budgetMs } = how.kind === 'edge' ? how : how.target;
  const endMs = clock.monotonicMs() + budgetMs;
  const learning = COMPRESSION_RECIPES.filter(({ needs }) => needs === 'labels');
  const others = COMPRESSION_RECIPES.filter((one) => !learning.includes(one));
  const candidates = [...others, ...(proof.batches ? [...toLatency(how), ...learning] : [])];
  const trials = [...known];
  const parentQuality = await proof.measure(parent, 'choice');
  for (const { name, recipe } of candidates) {
    if (trials.some((one) => one.name === name)) continue;
    const late = clock.monotonicMs() >= endMs;
    const found = late
      ? { meets: false, why: `not begun: ${budgetMs / 1_000} s were over` }
      : await trial(recipe, parentQuality, parts);
    trials.push({ name, recipe, pareto: false, ...found });
    if (!late) tried(trials, candidates.length);
  }
  if (trials.every(({ size }) => size === undefined))
    throw failure(
      'MODEL_REFUSED',
      `No method can change this model: ${trials.map(({ name, why }) => `${name}: ${why}`).join(' ')}`.slice(
        0,
        2_000,
      ),
    );
  return trials;
}

/** Channels go until the latency that was asked for is measured. */
function toLatency(how: SearchParts['how']): Pick<NamedRecipe, 'name' | 'recipe'>[] {
  const { latency = 1 } = how.kind === 'target' ? how.target : {};
  if (latency >= 1) return [];
  const steps = [{ kind: 'thin', latency, steps: 600 }];
  return [{ name: 'thin-to-latency', recipe: CompressionRecipe.parse({ steps }) }];
}

async function trial(
  recipe: RecipeTrial['recipe'],
  parentQuality: number,
  parts: SearchParts,
): Promise<Omit<RecipeTrial, 'name' | 'pareto' | 'recipe'> & Partial<Pick<RecipeTrial, 'recipe'>>> {
  const { how, parent, proof, threads, folder } = parts;
  try {
    const { model, steps } = await applyRecipe(
      parent,
      recipe.steps,
      recipeDataOf({ parent, proof, threads }),
    );
    const [before, after] = await timed([parent, model], proof.feeds);
    if (before === undefined || after === undefined) return { meets: false, why: 'it was not timed' };
    const quality = await proof.measure(model, 'choice');
    const why = [
      ...objections({ ...before, figure: parentQuality }, { ...after, figure: quality }, budgetOf(how)),
      ...(how.kind === 'edge'
        ? edgeObjections(
            {
              bytes: model.length,
              latencyMs: after.p50Ms,
              memoryBytes: await memoryOf(model, proof.feeds, folder),
            },
            how.edge,
          )
        : []),
    ];
    return {
      // What is made once more of the best is what was tried.
      recipe: { ...recipe, steps: asCarriedOut(recipe.steps, steps) },
      size: model.length / parent.length,
      latency: after.p50Ms / before.p50Ms,
      drop: parentQuality - quality,
      meets: why.length === 0,
      ...(why.length === 0 ? {} : { why: why.join(' ') }),
    };
  } catch (error) {
    return { meets: false, why: toFailure(error).message };
  }
}
