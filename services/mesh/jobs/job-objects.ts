// What jobs keep as objects: checkpoints and reports of one kind of job in a bucket of its own; data sets, by digest, are those of
// training for all kinds. Files come and go as streams; what is named by its digest is checked on the way in. The job's actor uses it.
import type { ObjectStore } from '@nats-io/obj';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { z } from 'zod';
import { buckets, keys } from '../../../contracts/buckets.js';
import { failure } from '../../../contracts/errors.js';
import type { Dataset } from '../../../contracts/trainer.js';
import type { Bus } from '../bus.js';

/** An object of the store as those need to know it who decide what stays. */
export interface StoredObject {
  readonly name: string;
  /** What people call it. */
  readonly title: string;
  readonly bytes: number;
  readonly atMs: number;
}

const DATASETS_SHOWN_MAX = 200;

export class JobObjects<Report> {
  private constructor(
    private readonly store: ObjectStore,
    private readonly data: ObjectStore,
    private readonly artifacts: ObjectStore,
    private readonly schema: z.ZodType<Report>,
  ) {}

  /** `bucket`: of this kind of jobs. */
  static async open<Report>(
    bus: Bus,
    region: string,
    bucket: string,
    schema: z.ZodType<Report>,
  ): Promise<JobObjects<Report>> {
    const open = (name: string) => bus.object(name, { create: {} });
    const data = await open(buckets.training(region));
    const store = bucket === buckets.training(region) ? data : await open(bucket);
    return new JobObjects(store, data, await open(buckets.artifacts(region)), schema);
  }

  /** Newest first, a page of them. */
  async datasets(beginning = ''): Promise<Dataset[]> {
    const kept = (await listed(this.data)).filter(({ name }) => name.startsWith(keys.dataset(beginning)));
    return kept
      .toSorted((a, b) => b.atMs - a.atMs)
      .slice(0, DATASETS_SHOWN_MAX)
      .map(({ name, title, bytes, atMs }) => ({
        name: title,
        digest: name.slice(keys.dataset('').length),
        bytes,
        createdAt: new Date(atMs).toISOString(),
      }));
  }

  /** Everything that lies in the bucket of these jobs. */
  list(): Promise<StoredObject[]> {
    return listed(this.store);
  }

  async drop(name: string): Promise<void> {
    if ((await this.store.info(name)) !== null) await this.store.delete(name);
  }

  async hasDataset(digest: string): Promise<boolean> {
    return (await this.data.info(keys.dataset(digest))) !== null;
  }

  /** One that nobody uploaded: it came from the mesh itself. */
  async saveDataset(digest: string, title: string, bytes: Uint8Array): Promise<void> {
    if (!(await this.hasDataset(digest)))
      await this.data.putBlob({ name: keys.dataset(digest), description: title }, bytes);
  }

  /** To the path, unless it is there. Throws DATA_REFUSED when it is nowhere, or not what its name says. */
  async fetchDataset(digest: string, path: string): Promise<void> {
    if (!existsSync(path) && !(await fetchTo(this.data, keys.dataset(digest), path, digest)))
      throw failure('DATA_REFUSED', `The data set ${digest.slice(0, 12)} was never uploaded.`, { digest });
  }

  async fetchArtifact(digest: string, path: string): Promise<void> {
    if (!existsSync(path) && !(await fetchTo(this.artifacts, digest, path, digest)))
      throw failure('UNAVAILABLE', `The artifact ${digest.slice(0, 12)} is not in this region.`, { digest });
  }

  async saveCheckpoint(job: string, path: string): Promise<void> {
    const stream = Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>;
    await this.store.put({ name: keys.checkpoint(job) }, stream);
  }

  async fetchCheckpoint(job: string, path: string): Promise<boolean> {
    return existsSync(path) || fetchTo(this.store, keys.checkpoint(job), path, undefined);
  }

  dropCheckpoint(job: string): Promise<void> {
    return this.drop(keys.checkpoint(job));
  }

  async saveReport(job: string, report: Report): Promise<void> {
    await this.store.putBlob({ name: keys.report(job) }, new TextEncoder().encode(JSON.stringify(report)));
  }

  async report(job: string): Promise<Report> {
    const bytes = await this.store.getBlob(keys.report(job));
    if (bytes === null) throw failure('NOT_FOUND', `The job ${job} has no report yet.`, { job });
    return this.schema.parse(JSON.parse(new TextDecoder().decode(bytes)));
  }
}

async function listed(store: ObjectStore): Promise<StoredObject[]> {
  return (await store.list())
    .filter(({ deleted }) => !deleted)
    .map(({ name, description, size, mtime }) => ({
      name,
      title: description === undefined || description === '' ? name : description,
      bytes: size,
      atMs: Date.parse(mtime),
    }));
}

/** False when there is no such object. */
async function fetchTo(
  store: ObjectStore,
  name: string,
  path: string,
  digest: string | undefined,
): Promise<boolean> {
  const found = await store.get(name);
  if (found === null) return false;
  const hash = createHash('sha256');
  const part = `${path}.part`;
  const hashed = async function* (source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      hash.update(chunk);
      yield chunk;
    }
  };
  await pipeline(Readable.fromWeb(found.data as never), hashed, createWriteStream(part));
  const error = await found.error;
  if (error) throw failure('UNAVAILABLE', `The object ${name} came in damaged.`, { name }, error);
  if (digest !== undefined && hash.digest('hex') !== digest) {
    await rm(part, { force: true });
    throw failure('DATA_REFUSED', `The object ${name} is not what its digest says.`, { digest });
  }
  await rename(part, path);
  return true;
}
