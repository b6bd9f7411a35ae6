// Decides which data a job is proved on. Where the job says "as it was trained", the training job is found along the lineage of the
// version and asked for its data, its split and its tokens, so that what was held back from training stays held back.
import type { CompressJob } from '../../contracts/compress-job.js';
import { failure, toFailure } from '../../contracts/errors.js';
import type { VersionRecord } from '../../contracts/registry.js';
import { subjects } from '../../contracts/subjects.js';
import { type DataFile, filesOf, type TrainJob } from '../../contracts/train-job.js';
import { JobReply } from '../../contracts/trainer.js';
import type { Bus } from '../mesh/bus.js';
import { showVersion } from '../mesh/jobs/parent-version.js';
import { join } from 'node:path';
import type { ProofOrder } from './worker/work-order.js';

const TIMEOUT_MS = 10_000;
/** Compressions of compressions; longer chains are no habit. */
const GENERATIONS_MAX = 8;

export interface FoundProof {
  readonly proof: ProofOrder;
  /** To be fetched beside those that the job names. */
  readonly files: readonly DataFile[];
}

/** Throws DATA_REFUSED where nobody knows what the version was trained on. */
export async function proofOrder(
  bus: Bus,
  { data, model }: CompressJob,
  version: VersionRecord,
  folder: string,
): Promise<FoundProof> {
  if (data.kind === 'samples') {
    const { name, digest } = data.file;
    return { proof: { kind: 'samples', name, digest, path: join(folder, digest) }, files: [] };
  }
  if (data.kind === 'labelled') return { proof: data, files: [] };
  const job = await trainingOf(bus, model, version);
  return {
    proof: { kind: 'labelled', data: job.data, split: job.split, tokens: job.tokens },
    files: filesOf(job),
  };
}

async function trainingOf(bus: Bus, model: string, version: VersionRecord): Promise<TrainJob> {
  let now = version;
  for (let i = 0; i < GENERATIONS_MAX; i++) {
    const { training, parent } = now.card;
    if (training !== undefined) return askTrainer(bus, training.job);
    if (parent === undefined) break;
    now = await showVersion(bus, model, parent);
  }
  throw failure(
    'DATA_REFUSED',
    `${model} ${version.label} was not made by a training job, so what it was trained on is not known: give data, or requests as samples.`,
  );
}

async function askTrainer(bus: Bus, id: string): Promise<TrainJob> {
  try {
    const found = await bus.request(subjects.trainer('show'), JobReply, { id }, { timeoutMs: TIMEOUT_MS });
    return found.record.job;
  } catch (error) {
    const known = toFailure(error);
    if (known.code !== 'NOT_FOUND') throw error;
    throw failure(
      'DATA_REFUSED',
      `The training job ${id} is no longer kept, so its data are not known: give data, or requests as samples.`,
      {},
      error,
    );
  }
}
