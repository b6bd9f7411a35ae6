// `massif samples`: asks engines to keep some requests of a model, and reads what was kept.
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { userInfo } from 'node:os';
import { CompressionRecipe } from '../../contracts/compression-recipe.js';
import {
  type Sample,
  SamplesReply,
  SAMPLES_OF_MODEL,
  SamplingReply,
  type SamplingRule,
} from '../../contracts/sampling.js';
import { subjects } from '../../contracts/subjects.js';
import { argument, type Command, type Invocation, text, UsageError, wholeNumber } from '../cli/command.js';
import { readWritten } from './follow-job.js';
import { table } from '../cli/table.js';
import { bodyLine, inputsOf, newestSamples } from '../../contracts/sampled-tensors.js';

const TIMEOUT_MS = 10_000;
const MINUTES = 60;

export const samples: Command = {
  name: 'samples',
  usage:
    'samples [list]  |  samples on MODEL [--rate R] [--keep NAMES] [--minutes N] [--on-suspicion] [--follow FILE] [--plain]  |  samples off MODEL  |  samples export MODEL --out FILE',
  argumentsMax: 2,
  summary:
    'keeps some requests of a model for detection, distillation and replay; only where somebody asks for it',
  help: `  --rate R        share of the requests that is kept (0.01)
  --keep NAMES    inputs and outputs whose values are kept, with commas between them, or "*"; of others only shape and statistics are
  --minutes N     when it ends (${MINUTES})
  --on-suspicion  while the auditor suspects the version, every request is kept
  --follow FILE   once the version is suspected and enough was kept since, a compressor makes a version by this recipe that follows
                  what is asked now (docs/distillation.md); it serves nobody before somebody releases it
  --plain         texts as they are; else mail addresses, cards, phones and tokens in them are masked
  --out FILE      one request body a line, for massif watch --reference and massif compress --samples
  --last N        so many of the newest (${SAMPLES_OF_MODEL})`,
  options: {
    rate: { type: 'string' },
    keep: { type: 'string' },
    minutes: { type: 'string' },
    'on-suspicion': { type: 'boolean' },
    follow: { type: 'string' },
    plain: { type: 'boolean' },
    out: { type: 'string' },
    last: { type: 'string' },
  },
  async run(invocation: Invocation) {
    const { args, connections, out, values } = invocation;
    const [verb = 'list'] = args;
    const by = userInfo().username;
    if (verb === 'export') return exportTo(invocation);
    if (verb !== 'list' && verb !== 'on' && verb !== 'off')
      throw new UsageError(`samples knows list, on, off and export, got "${verb}"`);
    const change =
      verb === 'list'
        ? {}
        : verb === 'off'
          ? { off: argument(args, 1, 'MODEL') }
          : { rule: await ruleOf(invocation, by) };
    const reply = await (
      await connections()
    ).request(subjects.auditor('sampling'), SamplingReply, { by, ...change }, TIMEOUT_MS);
    out.show(reply, () => stateText(reply));
    if (verb === 'on' && values['keep'] === undefined)
      out.note(
        'Only shapes and statistics are kept: --keep names the inputs and outputs whose values are to be.',
      );
  },
};

async function ruleOf({ args, values, clock }: Invocation, by: string): Promise<SamplingRule> {
  const rate = Number(text(values, 'rate') ?? '0.01');
  if (!(rate >= 0 && rate <= 1)) throw new UsageError('--rate must be a share from 0 to 1');
  const follow = text(values, 'follow');
  const minutes = wholeNumber(values, 'minutes') ?? MINUTES;
  if (minutes < 1) throw new UsageError('--minutes must be 1 or more');
  return {
    model: argument(args, 1, 'MODEL'),
    rate,
    keep: (text(values, 'keep') ?? '')
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
    plain: values['plain'] === true,
    onSuspicion: values['on-suspicion'] === true,
    ...(follow !== undefined && { follow: await readWritten(follow, CompressionRecipe, 'recipe') }),
    until: new Date(clock.now() + minutes * 60_000).toISOString(),
    by,
  };
}

/** Newest first. */
export async function readSamples(
  { connections }: Pick<Invocation, 'connections'>,
  model: string,
  last: number,
): Promise<Sample[]> {
  const all = await connections();
  return newestSamples(
    (request) => all.request(subjects.auditor('samples'), SamplesReply, request, TIMEOUT_MS),
    { model, last, by: userInfo().username },
  );
}

export function lastOf({ values }: Pick<Invocation, 'values'>): number {
  const last = wholeNumber(values, 'last') ?? SAMPLES_OF_MODEL;
  if (last < 1 || last > SAMPLES_OF_MODEL)
    throw new UsageError(`--last must be 1 to ${SAMPLES_OF_MODEL}, got ${last}`);
  return last;
}

async function exportTo(invocation: Invocation): Promise<void> {
  const { args, values, out } = invocation;
  const model = argument(args, 1, 'MODEL');
  const path = text(values, 'out');
  if (path === undefined) throw new UsageError('--out names the file to write');
  const found = await readSamples(invocation, model, lastOf(invocation));
  const lines = found.toReversed().flatMap((sample) => {
    const inputs = inputsOf(sample);
    return inputs === undefined ? [] : [bodyLine(inputs)];
  });
  const file = createWriteStream(path, { mode: 0o600 });
  for (const line of lines) file.write(`${line}\n`);
  file.end();
  await once(file, 'close');
  out.show(
    { model, samples: found.length, written: lines.length, path },
    () =>
      `${lines.length} requests of ${model} in ${path}; ${found.length - lines.length} samples have not all of their inputs.`,
  );
}

function stateText({ rules, models, bytes }: SamplingReply): string {
  const counts = new Map(models.map(({ model, samples: count }) => [model, count]));
  const rows = [...new Set([...rules.map(({ model }) => model), ...counts.keys()])].map((model) => {
    const rule = rules.find((one) => one.model === model);
    return [
      model,
      String(counts.get(model) ?? 0),
      rule ? `${rule.rate * 100} %` : 'off',
      rule?.keep.join(', ') ?? '',
      [rule?.onSuspicion && 'all on suspicion', rule?.follow && 'follows'].filter(Boolean).join(', '),
      rule?.until.slice(0, 16).replace('T', ' ') ?? '',
    ];
  });
  return rows.length === 0
    ? 'Nothing is sampled.'
    : `${table(['model', 'samples', 'rate', 'values of', '', 'until'], rows)}\n${(bytes / 1_048_576).toFixed(1)} MiB in all.`;
}
