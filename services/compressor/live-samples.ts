// What callers sent lately as samples of a job: what the auditor was asked to keep is fixed as a data set when the job is submitted, so
// that a job goes on with the same data wherever it goes on.
import { createHash } from 'node:crypto';
import type { CompressionData, LiveData } from '../../contracts/compress-job.js';
import { failure } from '../../contracts/errors.js';
import { bodyLine, inputsOf, newestSamples } from '../../contracts/sampled-tensors.js';
import { SamplesReply } from '../../contracts/sampling.js';
import { subjects } from '../../contracts/subjects.js';
import type { Bus } from '../mesh/bus.js';
import type { CompressionObjects } from './compression.js';

const TIMEOUT_MS = 10_000;

/** Throws DATA_REFUSED where none was kept whole. Oldest first. */
export async function liveSamples(
  bus: Bus,
  objects: Pick<CompressionObjects, 'saveDataset'>,
  model: string,
  { last, since }: LiveData,
): Promise<CompressionData> {
  const kept = await newestSamples(
    (request) => bus.request(subjects.auditor('samples'), SamplesReply, request, { timeoutMs: TIMEOUT_MS }),
    { model, last, by: 'compressor' },
  );
  const late = kept
    .filter(({ at }) => since === undefined || Date.parse(at) >= Date.parse(since))
    .toReversed();
  const lines = late.flatMap((sample) => {
    const inputs = inputsOf(sample);
    return inputs === undefined ? [] : [bodyLine(inputs)];
  });
  if (lines.length === 0)
    throw failure(
      'DATA_REFUSED',
      `Of ${model} ${late.length} requests were kept${since === undefined ? '' : ` since ${since}`}, none with all of its inputs: massif samples on ${model} --keep "*".`,
    );
  const bytes = new TextEncoder().encode(`${lines.join('\n')}\n`);
  const file = {
    name: `${model}.live.jsonl`,
    digest: createHash('sha256').update(bytes).digest('hex'),
    bytes: bytes.length,
  };
  await objects.saveDataset(file.digest, file.name, bytes);
  return { kind: 'samples', file };
}
