// What makes a job a compression: the order that its worker gets, and how a smaller model that keeps its budget becomes a version beside
// its parent. One that does not is refused with its figures; its report stays. The actor of the job asks (mesh/jobs).
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CompressReport } from '../../contracts/compress-report.js';
import { dataFilesOf, teachersOf } from '../../contracts/compress-job.js';
import type { CompressRecord } from '../../contracts/compressor.js';
import { failure } from '../../contracts/errors.js';
import { RESOURCES } from '../../contracts/manifest.js';
import { Card, type VersionRecord } from '../../contracts/registry.js';
import type { Bus } from '../mesh/bus.js';
import type { Craft } from '../mesh/jobs/job-actor.js';
import type { JobObjects } from '../mesh/jobs/job-objects.js';
import { fetchParent, showVersion } from '../mesh/jobs/parent-version.js';
import { publishVersion } from '../mesh/jobs/publish.js';
import { WORK_FILES } from '../mesh/jobs/work-messages.js';
import { proofOrder } from './proof-order.js';
import type { WorkOrder } from './worker/work-order.js';

export type CompressionObjects = JobObjects<CompressReport>;

export interface CompressionParts {
  readonly bus: Bus;
  readonly objects: CompressionObjects;
  readonly keysDir: string;
  readonly threads: number;
  readonly natsUrl: string;
  readonly natsKey?: string | undefined;
}

/** What is signed with a version and holds for a smaller one too. */
const CARRIED: readonly string[] = [RESOURCES.labels];
/** Of the parent, or made anew; a self-test holds the parent's own answers, which rounding moves. */
const KNOWN: readonly string[] = [RESOURCES.model, RESOURCES.card, RESOURCES.selftest, ...CARRIED];

export class Compression implements Craft<CompressRecord> {
  constructor(private readonly parts: CompressionParts) {}

  readonly order = async ({ job }: CompressRecord, folder: string): Promise<WorkOrder> => {
    const { bus, objects, threads, natsUrl, natsKey } = this.parts;
    const { version, path } = await fetchParent(bus, objects, folder, job);
    const beside = version.resources.find(({ name }) => !KNOWN.includes(name));
    if (beside !== undefined)
      throw failure(
        'MODEL_REFUSED',
        `The version has "${beside.name}" beside its model: weights outside the file are not compressed.`,
      );
    const { proof, files: wanted } = await proofOrder(bus, job, version, folder);
    const files: Record<string, string> = {};
    for (const { digest } of [...dataFilesOf(job), ...wanted]) {
      files[digest] = join(folder, digest);
      await objects.fetchDataset(digest, files[digest]);
    }
    const parent = { path, digest: version.digest, label: version.label };
    const asks = teachersOf(job).length > 0;
    return { job, files, parent, proof, threads, ...(asks && { natsUrl, ...(natsKey && { natsKey }) }) };
  };

  /** Throws BUDGET_MISSED for a version that is slower, larger or worse than it may be. */
  readonly deliver = async (
    { id, job }: CompressRecord,
    folder: string,
  ): Promise<NonNullable<CompressRecord['result']>> => {
    const { bus, objects, keysDir } = this.parts;
    const report = CompressReport.parse(JSON.parse(await readFile(join(folder, WORK_FILES.report), 'utf8')));
    await objects.saveReport(id, report);
    const { parent, candidate, refused, name } = report;
    if (refused.length > 0)
      throw failure('BUDGET_MISSED', `${name} is refused. ${refused.join(' ')}`, { job: id });
    const shares = {
      size: candidate.bytes / parent.bytes,
      latency: candidate.p50Ms / parent.p50Ms,
      drop: parent.quality - candidate.quality,
    };
    if (!job.publish) return shares;
    const of = await showVersion(bus, job.model, parent.digest);
    const { model, label, digest } = await publishVersion(bus, keysDir, {
      model: job.model,
      label: job.label ?? id,
      aliases: job.aliases,
      files: {
        [RESOURCES.model]: await readFile(join(folder, WORK_FILES.model)),
        [RESOURCES.card]: encode(JSON.stringify(cardOf(id, report, of))),
        ...(await this.carried(of, folder)),
      },
    });
    return { ...shares, version: { model, label, digest } };
  };

  private async carried(of: VersionRecord, folder: string): Promise<Record<string, Uint8Array>> {
    const files: Record<string, Uint8Array> = {};
    for (const { name, digest } of of.resources.filter((one) => CARRIED.includes(one.name))) {
      const path = join(folder, digest);
      await this.parts.objects.fetchArtifact(digest, path);
      files[name] = await readFile(path);
    }
    return files;
  }
}

function cardOf(job: string, report: CompressReport, of: VersionRecord): Card {
  const { parent, candidate } = report;
  // What it was trained on stays with the version that was trained: lineage leads there.
  const { training: _, ...kept } = of.card;
  return Card.parse({
    ...kept,
    parent: parent.digest,
    method: `compressed: ${report.name}`.slice(0, 200),
    compression: {
      job,
      recipe: report.recipe,
      dataDigest: report.dataDigest,
      seed: report.seed,
      figure: report.figure,
      quality: candidate.quality,
      parentQuality: parent.quality,
      size: candidate.bytes / parent.bytes,
      environment: report.environment,
    },
  });
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
