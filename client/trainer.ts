// The conversation with the trainer: data sets uploaded under their digests, jobs submitted, followed, cancelled. The commands
// `train` and `jobs` use it.
import { jetstream } from '@nats-io/jetstream';
import { Objm } from '@nats-io/obj';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { Readable } from 'node:stream';
import type { z } from 'zod';
import { buckets, keys } from '../contracts/buckets.js';
import { Failure, failure } from '../contracts/errors.js';
import type { TrainReport } from '../contracts/train-report.js';
import type { DataFile } from '../contracts/train-job.js';
import {
  type Dataset,
  DatasetsReply,
  JobReply,
  type JobRecord,
  JobsReply,
  ReportReply,
  type SubmitRequest,
} from '../contracts/trainer.js';
import { subjects, type TrainerVerb } from '../contracts/subjects.js';
import type { Connections } from './connections.js';
import { processes } from './processes.js';
import { tarOfPictures } from './tar-folder.js';

const TIMEOUT_MS = 10_000;

export class TrainerClient {
  constructor(private readonly connections: Connections) {}

  /** A file, or a folder of pictures as a tar file. What lies there already is not sent again. */
  async upload(path: string): Promise<DataFile> {
    const hash = createHash('sha256');
    let bytes = 0;
    const isFolder = await isDirectory(path);
    const open = () => (isFolder ? Readable.from(tarOfPictures(path)) : createReadStream(path));
    try {
      for await (const part of open()) {
        hash.update(part as Uint8Array);
        bytes += (part as Uint8Array).length;
      }
    } catch (error) {
      if (error instanceof Failure) throw error;
      throw failure('BAD_REQUEST', `The file ${path} cannot be read.`, {}, error);
    }
    const file: DataFile = {
      name: `${basename(resolve(path))}${isFolder ? '.tar' : ''}`,
      digest: hash.digest('hex'),
      bytes,
    };
    if (bytes === 0) throw failure('BAD_REQUEST', `The file ${path} is empty.`);
    const home = await this.homeRegion();
    await this.connections.nearest(async ({ nc }) => {
      const store = await new Objm(jetstream(nc, { domain: home, timeout: TIMEOUT_MS })).open(
        buckets.training(home),
      );
      const name = keys.dataset(file.digest);
      if ((await store.info(name)) !== null) return;
      const stream = Readable.toWeb(open()) as ReadableStream<Uint8Array>;
      await store.put({ name, description: file.name }, stream);
    });
    return file;
  }

  async submit(request: z.input<typeof SubmitRequest>): Promise<JobRecord> {
    return (await this.ask('submit', JobReply, request)).record;
  }

  jobs(): Promise<JobsReply> {
    return this.ask('jobs', JobsReply, {});
  }

  async show(id: string): Promise<JobRecord> {
    return (await this.ask('show', JobReply, { id })).record;
  }

  async cancel(id: string): Promise<JobRecord> {
    return (await this.ask('cancel', JobReply, { id })).record;
  }

  async report(id: string): Promise<TrainReport> {
    return (await this.ask('report', ReportReply, { id })).report;
  }

  async datasets(digest?: string): Promise<Dataset[]> {
    return (await this.ask('datasets', DatasetsReply, digest === undefined ? {} : { digest })).datasets;
  }

  /** By the beginning of its digest. Throws BAD_REQUEST where none begins so, or several do. */
  async dataset(beginning: string): Promise<DataFile> {
    const [first, second] = await this.datasets(beginning);
    if (first === undefined || second !== undefined)
      throw failure(
        'BAD_REQUEST',
        first === undefined
          ? `There is no file and no data set ${beginning}: massif datasets lists them.`
          : `Several data sets begin with ${beginning}.`,
      );
    const { name, digest, bytes } = first;
    return { name, digest, bytes };
  }

  private ask<T>(verb: TrainerVerb, schema: z.ZodType<T>, body: unknown): Promise<T> {
    return this.connections.request(subjects.trainer(verb), schema, body, TIMEOUT_MS);
  }

  private async homeRegion(): Promise<string> {
    const found = (await processes(this.connections)).find(({ services }) => services.includes('trainer'));
    if (found) return found.region;
    throw failure('UNAVAILABLE', 'No trainer answers, so nothing can be trained now.');
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}
