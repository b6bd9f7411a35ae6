// What makes a job a training: the order that its worker gets, and how what it learned becomes a version with card and lineage. The
// actor of the job asks (mesh/jobs).
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RESOURCES } from '../../contracts/manifest.js';
import { Card } from '../../contracts/registry.js';
import { type ClassValidation, qualityOf, TrainReport } from '../../contracts/train-report.js';
import { filesOf, type TrainJob } from '../../contracts/train-job.js';
import type { JobRecord } from '../../contracts/trainer.js';
import type { Bus } from '../mesh/bus.js';
import type { Craft } from '../mesh/jobs/job-actor.js';
import type { JobObjects } from '../mesh/jobs/job-objects.js';
import { fetchParent } from '../mesh/jobs/parent-version.js';
import { publishVersion } from '../mesh/jobs/publish.js';
import { WORK_FILES } from '../mesh/jobs/work-messages.js';
import type { WorkOrder } from './worker/work-order.js';

export type TrainingObjects = JobObjects<TrainReport>;

export interface TrainingParts {
  readonly bus: Bus;
  readonly objects: TrainingObjects;
  readonly keysDir: string;
  readonly datasetsDir: string | undefined;
  readonly threads: number;
}

export class Training implements Craft<JobRecord> {
  constructor(private readonly parts: TrainingParts) {}

  readonly order = async ({ job }: JobRecord, folder: string): Promise<WorkOrder> => {
    const { bus, objects, datasetsDir, threads } = this.parts;
    const parent = job.parent === undefined ? undefined : await fetchParent(bus, objects, folder, job.parent);
    const files: Record<string, string> = {};
    for (const { digest } of filesOf(job)) {
      files[digest] = join(folder, digest);
      await objects.fetchDataset(digest, files[digest]);
    }
    return {
      job,
      files,
      threads,
      ...(datasetsDir === undefined ? {} : { datasetsDir }),
      ...(parent === undefined ? {} : { parent: parent.path, parentDigest: parent.version.digest }),
    };
  };

  readonly deliver = async (
    { id, job }: JobRecord,
    folder: string,
  ): Promise<NonNullable<JobRecord['result']>> => {
    const { bus, objects, keysDir } = this.parts;
    const report = TrainReport.parse(JSON.parse(await readFile(join(folder, WORK_FILES.report), 'utf8')));
    await objects.saveReport(id, report);
    const figures = { ...qualityOf(report.validation), measuredOn: report.measuredOn };
    if (!job.publish) return figures;
    const order = JSON.parse(await readFile(join(folder, WORK_FILES.order), 'utf8')) as WorkOrder;
    const card = cardOf({ id, job, report, parent: order.parentDigest });
    const { model, label, digest } = await publishVersion(bus, keysDir, {
      model: job.model,
      label: job.label ?? id,
      aliases: job.aliases,
      files: {
        [RESOURCES.model]: await readFile(join(folder, WORK_FILES.model)),
        [RESOURCES.card]: encode(JSON.stringify(card)),
        ...(report.validation.task === 'regression'
          ? {}
          : { [RESOURCES.labels]: encode(labelsOf(report.validation)) }),
      },
    });
    return { ...figures, version: { model, label, digest } };
  };
}

interface Made {
  readonly id: string;
  readonly job: TrainJob;
  readonly report: TrainReport;
  /** Digest of the version that it went on from. */
  readonly parent: string | undefined;
}

function cardOf({ id, job, report, parent }: Made): Card {
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
