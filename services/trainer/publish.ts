// A trained model becomes a version: its files signed with the trainer's key, uploaded and pushed through the registry, with a card
// that tells where it came from. The same job published twice is one version. The job's actor asks.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buckets } from '../../contracts/buckets.js';
import { failure } from '../../contracts/errors.js';
import { RESOURCES } from '../../contracts/manifest.js';
import { Card, PushReply, type PushRequest, type VersionRecord } from '../../contracts/registry.js';
import { subjects } from '../../contracts/subjects.js';
import { type ClassValidation, qualityOf, type TrainReport } from '../../contracts/train-report.js';
import type { TrainJob } from '../../contracts/train-job.js';
import type { Bus } from '../mesh/bus.js';
import { signManifest } from '../mesh/manifest.js';
import { privateKeyOf } from '../mesh/signing-key.js';

const KEY_FILE = 'publisher.pem';
/** The registry reads, scans and copies the whole model before it answers. */
const PUSH_TIMEOUT_MS = 120_000;

export interface Publishing {
  readonly id: string;
  readonly job: TrainJob;
  readonly report: TrainReport;
  readonly model: Uint8Array;
  /** Digest of the version that it went on from. */
  readonly parent: string | undefined;
}

export async function publish(bus: Bus, keysDir: string, what: Publishing): Promise<VersionRecord> {
  const { job, report, model, id } = what;
  const files = {
    [RESOURCES.model]: model,
    [RESOURCES.card]: encode(JSON.stringify(cardOf(what))),
    ...(report.validation.task === 'regression'
      ? {}
      : { [RESOURCES.labels]: encode(labelsOf(report.validation)) }),
  };
  const resources = Object.entries(files).map(([name, bytes]) => ({
    name,
    digest: createHash('sha256').update(bytes).digest('hex'),
    bytes: bytes.length,
  }));
  const { bundle } = signManifest(job.model, resources, privateKeyOf(await readKey(keysDir)));
  const uploads = await bus.object(buckets.uploads(bus.region));
  for (const { name, digest } of resources) {
    const bytes = Object.entries(files).find(([file]) => file === name)?.[1] ?? new Uint8Array();
    await uploads.putBlob({ name: digest }, bytes);
  }
  const request: PushRequest = {
    model: job.model,
    label: job.label ?? id,
    bundle,
    resources,
    aliases: job.aliases,
  };
  const reply = await bus.request(subjects.registry('push'), PushReply, request, {
    timeoutMs: PUSH_TIMEOUT_MS,
  });
  return reply.version;
}

function cardOf({ id, job, report, parent }: Publishing): Card {
  const frozen = job.parent?.frozen ?? [];
  const method =
    parent === undefined
      ? `trained: ${job.network.kind}`
      : `fine-tuned${frozen.length > 0 ? `, frozen ${frozen.join(', ')}` : ''}`;
  return Card.parse({
    licence: job.licence,
    description: job.description,
    source: sourceOf(job),
    ...(parent === undefined ? {} : { parent }),
    method: method.slice(0, 200),
    training: {
      job: id,
      dataDigest: report.dataDigest,
      seed: report.seed,
      ...qualityOf(report.validation),
      measuredOn: report.measuredOn,
      environment: report.environment,
    },
  });
}

const labelsOf = ({ classes }: ClassValidation): string =>
  `${classes.map(({ name }) => name.replaceAll('\n', ' ')).join('\n')}\n`;

function sourceOf({ data }: TrainJob): string {
  if (data.format === 'package') return `npm package data: ${data.name}`;
  if (data.format === 'folder') return data.path;
  const file = data.format === 'idx' ? data.images : data.file;
  return `${file.name}, sha256 ${file.digest}`;
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

async function readKey(keysDir: string): Promise<string> {
  return readFile(join(keysDir, KEY_FILE), 'utf8').catch((error: unknown) => {
    throw failure(
      'UNSIGNED',
      `The trainer has no key to sign with: ${KEY_FILE} is not in its folder of keys.`,
      {},
      error,
    );
  });
}
