// The conversation with the trainer: data sets uploaded under their digests, jobs submitted, followed, cancelled. The commands
// `train` and `jobs` use it.
import { jetstream } from '@nats-io/jetstream';
import { Objm } from '@nats-io/obj';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import type { z } from 'zod';
import { buckets, keys } from '../contracts/buckets.js';
import { failure } from '../contracts/errors.js';
import type { TrainReport } from '../contracts/train-report.js';
import type { DataFile } from '../contracts/train-job.js';
import {
  JobReply,
  type JobRecord,
  JobsReply,
  ReportReply,
  type SubmitRequest,
} from '../contracts/trainer.js';
import { subjects, type TrainerVerb } from '../contracts/subjects.js';
import type { Connections } from './connections.js';
import { processes } from './processes.js';

const TIMEOUT_MS = 10_000;

export class TrainerClient {
  constructor(private readonly connections: Connections) {}

  /** What lies there already is not sent again. */
  async upload(path: string): Promise<DataFile> {
    const hash = createHash('sha256');
    let bytes = 0;
    try {
      for await (const part of createReadStream(path)) {
        hash.update(part as Uint8Array);
        bytes += (part as Uint8Array).length;
      }
    } catch (error) {
      throw failure('BAD_REQUEST', `The file ${path} cannot be read.`, {}, error);
    }
    const file: DataFile = { name: basename(path), digest: hash.digest('hex'), bytes };
    if (bytes === 0) throw failure('BAD_REQUEST', `The file ${path} is empty.`);
    const home = await this.homeRegion();
    await this.connections.nearest(async ({ nc }) => {
      const store = await new Objm(jetstream(nc, { domain: home, timeout: TIMEOUT_MS })).open(
        buckets.training(home),
      );
      const name = keys.dataset(file.digest);
      if ((await store.info(name)) !== null) return;
      await store.put({ name }, Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>);
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

  private ask<T>(verb: TrainerVerb, schema: z.ZodType<T>, body: unknown): Promise<T> {
    return this.connections.request(subjects.trainer(verb), schema, body, TIMEOUT_MS);
  }

  private async homeRegion(): Promise<string> {
    const found = (await processes(this.connections)).find(({ services }) => services.includes('trainer'));
    if (found) return found.region;
    throw failure('UNAVAILABLE', 'No trainer answers, so nothing can be trained now.');
  }
}
