// A recipe applied to a model: pruning, tuning and quantization one after the other, each step named in whatever goes wrong. The
// model that comes in stays as it is; the same model, data and recipe give the same bytes.
import type { CompressionStep } from '../../../contracts/compression-recipe.js';
import { failure, inStep, toFailure } from '../../../contracts/errors.js';
import { taught, type Lesson } from '../distil/teach.js';
import { Graph } from '../graph.js';
import { pooled } from '../pool/pool.js';
import { activations } from '../prune/activations.js';
import { magnitudes, taylor } from '../prune/saliency.js';
import { sparsifyGradually } from '../prune/sparsify.js';
import { thin, type Thinned, thinToWidths, widthsOf } from '../prune/thin.js';
import { thinToLatency } from '../prune/thin-to-latency.js';
import { quantizeBlockwise } from '../quantize/blockwise.js';
import type { Samples } from '../quantize/calibrate.js';
import { quantizeDynamic } from '../quantize/dynamic.js';
import { quantizeWithFeedback } from '../quantize/feedback.js';
import { toFloat16 } from '../quantize/float16.js';
import { weightLayers } from '../quantize/layers.js';
import { quantizeMasked } from '../quantize/masked.js';
import { calibrated, quantizeStatic } from '../quantize/static.js';
import type { Tensors } from '../session.js';
import { tuned, type Batches } from '../training/tune.js';

/** What steps may need; which do is said by the refusal where it is missing. */
export interface RecipeData {
  /** Labelled data to learn from. */
  readonly batches?: Batches;
  /** Unlabelled inputs to calibrate with, anew at every call. */
  readonly samples?: () => Samples;
  /** What counts, higher is better, on data that nothing was learned from. */
  readonly measure?: (model: Uint8Array) => Promise<number>;
  /** One example, for steps that go by latency. */
  readonly example?: Tensors;
  readonly threads?: number;
  /** The version before the first step, which students learn from; what the recipe is applied to where absent. */
  readonly parent?: Uint8Array;
  /** Teachers behind endpoints, by their names, and networks as people describe them. */
  readonly teachers?: (endpoint: string) => NonNullable<Lesson['endpoint']>;
  readonly network?: Lesson['network'];
}

export interface StepReport {
  readonly step: string;
  readonly bytes: number;
  /** What the step says of itself: layers, groups, trials. */
  readonly detail: unknown;
  /** Where it went by what it measured: the same step by what it found, which gives the same bytes everywhere. */
  readonly as?: CompressionStep | undefined;
}

export interface Applied {
  readonly model: Uint8Array;
  readonly steps: readonly StepReport[];
}

const ROUNDING = new Set<CompressionStep['kind']>([
  'static',
  'masked',
  'feedback',
  'dynamic',
  'blockwise',
  'float16',
]);

/** `done`: steps that made `model` already, of a job that goes on. Throws BAD_REQUEST for an order that cannot work, else what the step throws, with its place in front. */
export async function applyRecipe(
  model: Uint8Array,
  recipe: readonly CompressionStep[],
  data: RecipeData,
  onStep: (report: StepReport, model: Uint8Array) => void = () => undefined,
  done: readonly StepReport[] = [],
): Promise<Applied> {
  checkOrder(recipe);
  const steps = [...done];
  let now = model;
  for (const [i, step] of recipe.entries()) {
    if (i < done.length) continue;
    const name = `${i + 1}, ${step.kind}`;
    try {
      const made = await apply(now, step, { parent: model, ...data });
      now = made.model;
      const { detail, as } = made;
      const report = { step: name, bytes: now.length, detail, ...(as && { as }) };
      steps.push(report);
      onStep(report, now);
    } catch (error) {
      throw inStep(toFailure(error), name);
    }
  }
  return { model: now, steps };
}

function checkOrder(recipe: readonly CompressionStep[]): void {
  const rounds = recipe.findIndex(({ kind }) => ROUNDING.has(kind));
  const [after] = rounds < 0 ? [] : recipe.slice(rounds + 1);
  if (after !== undefined)
    throw failure(
      'BAD_REQUEST',
      `Step ${rounds + 2} (${after.kind}) comes after ${recipe[rounds]?.kind}: what is rounded can neither learn nor be rounded again. Put the rounding step last.`,
    );
}

async function apply(
  model: Uint8Array,
  step: CompressionStep,
  data: RecipeData,
): Promise<{ model: Uint8Array; detail: unknown; as?: CompressionStep }> {
  const { threads = 1 } = data;
  switch (step.kind) {
    case 'thin': {
      const { model: narrow, report } = await narrowed(model, step, data);
      const { keep: _, latency, ...found } = step;
      const as = latency === undefined ? {} : { as: { ...found, widths: widthsOf(report) } };
      return { model: await learned(narrow, step, data), detail: report, ...as };
    }
    case 'pool': {
      const { keep, by: kinds, trialSteps, rate } = step;
      const given = { batches: labelled(data), samples: unlabelled(data) };
      const made = await pooled(model, { ...given, keep, kinds, trialSteps, rate, threads });
      return { model: await learned(made.model, step, data), detail: made.report };
    }
    case 'sparsify': {
      const { share, rounds, rate } = step;
      const steps = Math.ceil(step.steps / rounds);
      const batches = labelled(data);
      const sparse = await sparsifyGradually(model, { share, rounds, rate, steps, batches, threads });
      return { model: sparse.model, detail: { zeros: sparse.zeros } };
    }
    case 'tune':
      return { model: await learned(model, step, data), detail: { steps: step.steps } };
    case 'distil': {
      const { batches, samples, parent = model, network, teachers } = data;
      const endpoint = step.teacher === undefined ? undefined : teachers?.(step.teacher.endpoint);
      const made = await taught(model, step, {
        parent,
        threads,
        ...(batches && { batches }),
        ...(samples && { samples }),
        ...(network && { network }),
        ...(endpoint && { endpoint }),
      });
      return { model: made.model, detail: made.report };
    }
    case 'static': {
      const made = await quantizeStatic(model, unlabelled(data)(), step);
      return { model: made.model, detail: made.report };
    }
    case 'masked': {
      const found = await calibrated(model, unlabelled(data)());
      const made = await quantizeMasked(found, labelled(data), step);
      return { model: made.model, detail: made.report };
    }
    case 'feedback': {
      const { drop, steps, rate } = step;
      const fourBits = step.fourBits ? allLayers(model) : new Set<string>();
      const settings = {
        drop,
        steps,
        rate,
        fourBits,
        threads,
        batches: labelled(data),
        samples: unlabelled(data),
      };
      const made = await quantizeWithFeedback(model, { ...settings, measure: measured(data) });
      return { model: made.model, detail: { ...made.report, trials: made.trials } };
    }
    case 'dynamic':
    case 'blockwise': {
      const made = await (step.kind === 'dynamic'
        ? quantizeDynamic(model, step)
        : quantizeBlockwise(model, step));
      return { model: made.model, detail: made.report };
    }
    case 'float16': {
      const made = toFloat16(model);
      return { model: made.model, detail: made.report };
    }
  }
}

async function narrowed(
  model: Uint8Array,
  { worth, keep, latency, widths }: Extract<CompressionStep, { kind: 'thin' }>,
  data: RecipeData,
): Promise<Thinned> {
  const saliency = await worthOf(model, worth, data);
  if (widths !== undefined) return thinToWidths(model, saliency, widths);
  if (latency === undefined) return thin(model, { saliency, keep: keep ?? 1 });
  if (data.example === undefined)
    throw failure('DATA_REFUSED', 'It goes by latency, and there is no example.');
  return thinToLatency(model, { saliency, latency, example: data.example, ...(keep && { keep }) });
}

/** The steps as they were carried out: with what was found where they went by what they measured. */
export const asCarriedOut = (
  recipe: readonly CompressionStep[],
  reports: readonly Pick<StepReport, 'as'>[],
): CompressionStep[] => recipe.map((step, i) => reports[i]?.as ?? step);

async function worthOf(
  model: Uint8Array,
  worth: 'taylor' | 'magnitude' | 'activation',
  data: RecipeData,
): Promise<Map<string, Float64Array>> {
  if (worth === 'magnitude') return magnitudes(model);
  return worth === 'activation' ? activations(model, unlabelled(data)()) : taylor(model, labelled(data));
}

const learned = async (
  model: Uint8Array,
  { steps, rate }: { readonly steps: number; readonly rate: number },
  data: RecipeData,
): Promise<Uint8Array> =>
  steps === 0 ? model : tuned(model, labelled(data), { steps, rate, threads: data.threads ?? 1 });

const allLayers = (model: Uint8Array): Set<string> =>
  new Set(weightLayers(Graph.read(model)).found.map(({ weight }) => weight));

function labelled({ batches }: RecipeData): Batches {
  if (batches === undefined) throw failure('DATA_REFUSED', 'It learns, and there are no labelled data.');
  return batches;
}

function unlabelled({ samples }: RecipeData): () => Samples {
  if (samples === undefined) throw failure('DATA_REFUSED', 'It calibrates, and there are no samples.');
  return samples;
}

function measured({ measure }: RecipeData): (model: Uint8Array) => Promise<number> {
  if (measure === undefined)
    throw failure('DATA_REFUSED', 'It goes by a measure, and there are no held-out data.');
  return measure;
}
