// `massif compress MODEL [VERSION]`: makes a smaller version of a version, by a recipe or towards a target, follows the job, and brings what
// came of it to the model's users.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import type { AskedCompressJob } from '../../contracts/compress-job.js';
import { CompressionRecipe } from '../../contracts/compression-recipe.js';
import { COMPRESSION_RECIPES, namedRecipe } from '../../contracts/compression-recipes.js';
import type { CompressReport } from '../../contracts/compress-report.js';
import type { CompressRecord } from '../../contracts/compressor.js';
import type { MadeVersion } from '../../contracts/job.js';
import type { ReleaseRecord } from '../../contracts/release.js';
import {
  argument,
  type Command,
  type Invocation,
  text,
  texts,
  UsageError,
  type Values,
  wholeNumber,
} from '../cli/command.js';
import { table } from '../cli/table.js';
import { CompressorClient } from '../compressor.js';
import { compressLine, compressText } from '../compression-text.js';
import { dataSpec } from '../data-spec.js';
import { readTerms, TERM_OPTIONS, TERMS_HELP } from './job-terms.js';
import { stateText } from '../release-text.js';
import { TrainerClient } from '../trainer.js';
import { deployVersion, followJob, publishedLine, readWritten } from './follow-job.js';
import { followRelease, succeeded } from './follow-release.js';
import { readTarget } from './compress-target.js';

const CANCEL = 'massif compress --cancel';
/** Ten parts of a hundred, then half; each until its verdict, an hour at most. */
const CANARY_STEPS = [1_000, 5_000].map((weight) => ({ weight, minMs: 10_000, maxMs: 3_600_000 }));
type JobInput = z.input<typeof AskedCompressJob>;

export const compress: Command = {
  name: 'compress',
  usage:
    'compress MODEL [VERSION] --recipe NAME|FILE | --target size=0.25,latency=0.5,drop=0.5pt|edge [--samples FILE|--live] [--deploy|--canary]',
  argumentsMax: 2,
  summary: 'makes a smaller, faster version that proves itself against its parent',
  help: `  MODEL [VERSION]     a label, digest or alias; the default version when not given
  --recipe NAME|FILE  a recipe by name (massif compress --recipes) or JSON: {"steps": [...], "budget": {...}}
  --target WANTS      tries recipes: size and latency as shares of the parent's, drop in points (0.5pt) or as a share
  --target edge       for a small device; edge,bytes=1000000,memory=64000000,latency=10 says how small
  --seconds N         no further recipe is begun after so long (300)
  --samples FILE      requests to calibrate and compare with, one body of the Open Inference Protocol a line, for any version
  --live              the requests that callers sent lately and massif samples kept, in the place of a file
  --data FILE         labelled data as massif train takes them: --column COLUMN (--regression), --text COLUMN, --group COLUMN,
                      --labels FILE, --size WxH (--gray); with neither, those that the version was trained on, in the same parts
  --seed N, --label LABEL, --alias ALIAS
  --deploy            serve it in the parent's place;  --canary  release it step by step, judged on the way
  --plots FOLDER      writes the plots as SVG
${TERMS_HELP}
  --detach            do not wait
  massif compress --jobs | --job ID | --cancel ID | --recipes`,
  options: {
    recipe: { type: 'string' },
    target: { type: 'string' },
    seconds: { type: 'string' },
    samples: { type: 'string' },
    live: { type: 'boolean' },
    data: { type: 'string' },
    column: { type: 'string' },
    regression: { type: 'boolean' },
    text: { type: 'string' },
    group: { type: 'string' },
    labels: { type: 'string' },
    size: { type: 'string' },
    gray: { type: 'boolean' },
    seed: { type: 'string' },
    label: { type: 'string' },
    alias: { type: 'string', multiple: true },
    deploy: { type: 'boolean' },
    canary: { type: 'boolean' },
    plots: { type: 'string' },
    detach: { type: 'boolean' },
    jobs: { type: 'boolean' },
    job: { type: 'string' },
    cancel: { type: 'string' },
    recipes: { type: 'boolean' },
    ...TERM_OPTIONS,
  },
  async run(invocation: Invocation) {
    const { values, out, connections } = invocation;
    if (values['recipes'] === true)
      return out.show(COMPRESSION_RECIPES, () =>
        table(
          ['recipe', 'needs', 'what'],
          COMPRESSION_RECIPES.map(({ name, needs, summary }) => [name, needs, summary]),
        ),
      );
    const compressor = new CompressorClient(await connections());
    const [job, cancel] = [text(values, 'job'), text(values, 'cancel')];
    if (values['jobs'] === true) {
      const { jobs } = await compressor.jobs();
      return out.show(jobs, () => overview(jobs));
    }
    if (cancel !== undefined) {
      const record = await compressor.cancel(cancel);
      return out.show(record, () => compressLine(record));
    }
    if (job !== undefined) return showJob(compressor, job, invocation);
    const submitted = await compressor.submit({ job: await jobOf(invocation), ...readTerms(values) });
    if (values['detach'] === true)
      return out.show(
        submitted,
        () => `${submitted.id} is ${submitted.state}: massif compress --job ${submitted.id}`,
      );
    const show = (id: string) => compressor.show(id);
    const record = await followJob(submitted, { show, line: compressLine, cancel: CANCEL }, invocation);
    return tell(compressor, record, invocation);
  },
};

async function jobOf({ args, values, connections }: Invocation): Promise<JobInput> {
  const model = argument(args, 0, 'MODEL');
  const [recipe, target, samples, data] = ['recipe', 'target', 'samples', 'data'].map((name) =>
    text(values, name),
  );
  if ((recipe === undefined) === (target === undefined))
    throw new UsageError('one of --recipe NAME|FILE and --target WANTS says how or how far');
  const live = values['live'] === true;
  if ([samples, data, live || undefined].filter((one) => one !== undefined).length > 1)
    throw new UsageError('one of --samples, --live and --data, not two');
  const [seed, seconds, label] = [
    wholeNumber(values, 'seed'),
    wholeNumber(values, 'seconds'),
    text(values, 'label'),
  ];
  const how: JobInput['how'] =
    recipe === undefined
      ? readTarget(target ?? '', seconds)
      : { kind: 'recipe', ...(await readRecipe(recipe)) };
  return {
    model,
    ...(args[1] === undefined ? {} : { version: args[1] }),
    how,
    data: live
      ? { kind: 'live' }
      : await dataOf(new TrainerClient(await connections()), samples, data, values),
    aliases: texts(values, 'alias'),
    ...(seed === undefined ? {} : { seed }),
    ...(label === undefined ? {} : { label }),
  };
}

async function dataOf(
  trainer: TrainerClient,
  samples: string | undefined,
  data: string | undefined,
  values: Values,
): Promise<NonNullable<JobInput['data']>> {
  if (samples !== undefined) return { kind: 'samples', file: await trainer.upload(samples) };
  if (data !== undefined) return { kind: 'labelled', data: await dataSpec(trainer, data, values, 'column') };
  return { kind: 'trained' };
}

async function readRecipe(given: string): Promise<{ name: string; recipe: CompressionRecipe }> {
  if (!/[./]/.test(given)) return namedRecipe(given);
  return { name: 'own', recipe: await readWritten(given, CompressionRecipe, 'recipe') };
}

/** A job that was refused has a report too: its figures say why. */
async function tell(
  compressor: CompressorClient,
  record: CompressRecord,
  invocation: Invocation,
): Promise<number> {
  const { out, values } = invocation;
  const report = await compressor.report(record.id).catch(() => undefined);
  const folder = text(values, 'plots');
  if (folder !== undefined && report !== undefined) await writePlots(folder, report);
  const version = record.result?.version;
  const released = version === undefined ? undefined : await bring(version, invocation);
  const fine = record.state === 'done' && (released === undefined || succeeded(released));
  out.show({ record, report, ...(released && { release: released.id }) }, () =>
    [
      ...(report === undefined ? [] : [compressText(report)]),
      ...(record.error === undefined ? [] : [`${record.error.code}: ${record.error.message}`]),
      ...(version === undefined ? [] : [publishedLine(version)]),
      ...(released === undefined ? [] : [stateText(released)]),
    ].join('\n'),
  );
  return fine ? 0 : 1;
}

/** A process that is asked ten times a second wakes up colder than one that is asked ninety times: calls of 2 ms took 0.4 to 0.7 longer though their runs were shorter. Its slowest calls may be such too, so that `slow` cannot tell. */
const COLDER_MS = 2;

async function bring(version: MadeVersion, invocation: Invocation): Promise<ReleaseRecord | undefined> {
  const { values, client } = invocation;
  if (values['deploy'] === true) return deployVersion(version, invocation);
  if (values['canary'] !== true) return undefined;
  const { releases } = await client('routed');
  const spec = {
    endpoint: version.model,
    to: version.digest,
    strategy: { type: 'canary' as const, steps: CANARY_STEPS },
    analysis: {
      metrics: [{ kind: 'errors' as const }, { kind: 'latency' as const, leastMs: COLDER_MS }],
    },
    owner: 'massif compress',
    reason: `smaller: ${version.label}`,
  };
  return followRelease(invocation, releases, (await releases.apply(spec, 'massif compress')).id);
}

async function showJob(compressor: CompressorClient, id: string, { values, out }: Invocation): Promise<void> {
  const record = await compressor.show(id);
  const report = await compressor.report(id).catch(() => undefined);
  const folder = text(values, 'plots');
  if (folder !== undefined && report !== undefined) await writePlots(folder, report);
  out.show({ record, report }, () =>
    [compressLine(record), ...(report === undefined ? [] : [compressText(report)])].join('\n'),
  );
}

async function writePlots(folder: string, { plots }: CompressReport): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, svg] of Object.entries(plots)) await writeFile(join(folder, `${name}.svg`), svg);
}

function overview(jobs: readonly CompressRecord[]): string {
  const rows = jobs.map(({ id, job, state, result, createdAt }) => [
    id,
    job.model,
    job.how.kind === 'recipe' ? job.how.name : job.how.kind,
    state,
    ...(result === undefined
      ? ['', '', '']
      : [result.size, result.latency, result.drop].map((value) => value.toFixed(3))),
    createdAt.slice(0, 16).replace('T', ' '),
  ]);
  return table(['job', 'model', 'how', 'state', 'size', 'latency', 'drop', 'created'], rows);
}
