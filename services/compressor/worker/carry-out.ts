// A compression job from its order to model and report, in its folder: data, search, recipe, guard. After every step and every recipe
// that was tried it leaves there what a next attempt goes on from. The worker process calls it.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { arch, platform } from 'node:os';
import { join } from 'node:path';
import { env } from 'onnxruntime-node';
import type { CompressReport } from '../../../contracts/compress-report.js';
import { teachersOf } from '../../../contracts/compress-job.js';
import { failure } from '../../../contracts/errors.js';
import { WORK_FILES } from '../../mesh/jobs/work-messages.js';
import type { WorkPlace } from '../../mesh/jobs/worker-program.js';
import { VERSION } from '../../mesh/version.js';
import { fusionOf } from '../../onnx/quantize/fused.js';
import { applyRecipe, asCarriedOut } from '../../onnx/recipe/apply.js';
import { objections } from '../../onnx/recipe/guard.js';
import { best, budgetOf, nearest, withPareto } from './choose.js';
import { edgeObjections, memoryOf } from './edge.js';
import { labelledProof } from './labelled-proof.js';
import { layerChanges } from './layer-changes.js';
import { plotsOf } from './plots.js';
import { openTeachers, type Teachers } from './endpoint-teacher.js';
import type { Proof } from './proof.js';
import { recipeDataOf } from './recipe-data.js';
import { samplesProof } from './samples-proof.js';
import { type Chosen, fingerprintOf, readWork, type SavedWork, writeWhole, writeWork } from './saved-work.js';
import { search } from './search.js';
import { timed } from '../../onnx/recipe/timed.js';
import type { WorkOrder } from './work-order.js';

export async function carryOut(place: WorkPlace<WorkOrder>): Promise<CompressReport> {
  const { folder, order, clock } = place;
  const fromMs = clock.monotonicMs();
  const parent = new Uint8Array(readFileSync(order.parent.path));
  const { proof: said, natsUrl, natsKey } = order;
  await using teachers = natsUrl === undefined ? undefined : await openTeachers(natsUrl, natsKey, clock);
  // Of another task it is no judge of this one.
  const [judge] = teachersOf(order.job).filter((one) => one.classes === undefined);
  const proof =
    said.kind === 'samples'
      ? await samplesProof(said, parent, judge && teachers?.of(judge.endpoint))
      : await labelledProof(folder, order, said, parent);
  place.tell({ kind: 'working' });
  const work = new Work(place, parent, proof, teachers);
  const made = await work.make(await work.choose());
  const report = await work.report(made, clock.monotonicMs() - fromMs);
  writeWhole(join(folder, WORK_FILES.model), made.model);
  writeWhole(join(folder, WORK_FILES.report), JSON.stringify(report));
  return report;
}

class Work {
  private saved: SavedWork;
  private count = 0;

  constructor(
    private readonly place: WorkPlace<WorkOrder>,
    private readonly parent: Uint8Array,
    private readonly proof: Proof,
    private readonly teachers: Teachers | undefined,
  ) {
    const { job, parent: version } = place.order;
    const fingerprint = fingerprintOf(version.digest, job.how, job.seed, proof.digest);
    this.saved = readWork(this.path, fingerprint) ?? { fingerprint, trials: [], steps: [], model: parent };
    this.count = this.saved.trials.length + this.saved.steps.length;
  }

  /** Throws BUDGET_MISSED where a search found nothing that keeps the target. */
  async choose(): Promise<Chosen> {
    const { place, parent, proof, saved } = this;
    const { how } = place.order.job;
    if (saved.chosen !== undefined) return saved.chosen;
    if (how.kind === 'recipe') return { name: how.name, recipe: how.recipe };
    const { threads } = place.order;
    const { folder, clock } = place;
    const trials = withPareto(
      await search(
        {
          how,
          parent,
          proof,
          threads,
          folder,
          clock,
          tried: (list, of) => {
            this.tell(`recipe ${list.at(-1)?.name}`, list.length, of);
            this.save({ ...this.saved, trials: [...list] });
          },
        },
        saved.trials,
      ),
    );
    const budget = budgetOf(how);
    // Of none that keeps it the nearest is made and refused with its figures, so that the report has them all.
    const found = best(trials) ?? nearest(trials, budget);
    if (found === undefined) throw failure('BUDGET_MISSED', 'No recipe could be measured.');
    const chosen = { name: found.name, recipe: { ...found.recipe, budget } };
    this.save({ ...this.saved, trials, chosen });
    return chosen;
  }

  async make(chosen: Chosen): Promise<{ chosen: Chosen; model: Uint8Array }> {
    const { parent, proof, place, saved, teachers } = this;
    const { threads } = place.order;
    const of = chosen.recipe.steps.length;
    this.tell(`step 1 of ${chosen.name}`, saved.steps.length, of);
    const { model } = await applyRecipe(
      saved.model,
      chosen.recipe.steps,
      recipeDataOf({ parent, proof, threads, teachers }),
      (step, now) => {
        const steps = [...this.saved.steps, { ...step, detail: step.detail ?? null }];
        this.tell(`${chosen.name}, step ${step.step}`, steps.length, of);
        this.save({ ...this.saved, chosen, steps, model: now });
      },
      saved.steps.map((step) => ({ ...step })),
    );
    return { chosen, model };
  }

  /** Of the very bytes that will be published. */
  async report(
    { chosen, model }: { chosen: Chosen; model: Uint8Array },
    tookMs: number,
  ): Promise<CompressReport> {
    const { parent, proof, place } = this;
    const { job, parent: version, threads } = place.order;
    const [before, after] = await timed([parent, model], proof.feeds);
    if (before === undefined || after === undefined) throw failure('INTERNAL', 'Nothing was timed.');
    const parentQuality = await proof.measure(parent, 'test');
    const quality = await proof.measure(model, 'test');
    const edge =
      job.how.kind === 'edge'
        ? {
            bytes: model.length,
            latencyMs: after.p50Ms,
            memoryBytes: await memoryOf(model, proof.feeds, place.folder),
          }
        : undefined;
    const refused = [
      ...objections(
        { ...before, figure: parentQuality },
        { ...after, figure: quality },
        chosen.recipe.budget,
      ),
      ...(edge !== undefined && job.how.kind === 'edge' ? edgeObjections(edge, job.how.edge) : []),
    ];
    const figures = {
      parent: { ...before, quality: parentQuality, digest: version.digest, label: version.label },
      candidate: { ...after, quality },
      layers: layerChanges(this.saved.steps),
      trials: this.saved.trials,
    };
    return {
      ...figures,
      figure: proof.figure,
      examples: proof.examples,
      name: chosen.name,
      recipe: { ...chosen.recipe, steps: asCarriedOut(chosen.recipe.steps, this.saved.steps) },
      steps: this.saved.steps.map(({ step, bytes }) => ({ step, bytes })),
      unfused: [...(await fusionOf(model)).unfused],
      ...(edge === undefined ? {} : { edge }),
      refused,
      seed: job.seed,
      dataDigest: proof.digest,
      modelDigest: createHash('sha256').update(model).digest('hex'),
      environment: {
        massif: VERSION,
        node: process.version,
        onnxruntime: env.versions.node ?? env.versions.common,
        platform: `${platform()} ${arch()}`,
        threads: String(threads),
      },
      tookMs,
      plots: plotsOf(figures),
    };
  }

  private get path(): string {
    return join(this.place.folder, WORK_FILES.checkpoint);
  }

  private tell(at: string, done: number, of: number): void {
    this.place.tell({ kind: 'progress', progress: { at, done, of } });
  }

  private save(work: SavedWork): void {
    this.saved = work;
    writeWork(this.path, work);
    this.place.tell({ kind: 'checkpoint', step: ++this.count });
  }
}
