// Training through the REST door: what a caller asks goes on to a trainer with the same schemas as over the bus; a data set goes into
// the home region's object store under its digest. training.controller.ts asks.
import type { ObjectStore } from '@nats-io/obj';
import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { buckets, keys } from '../../contracts/buckets.js';
import { failure } from '../../contracts/errors.js';
import { type TrainerVerb, subjects } from '../../contracts/subjects.js';
import { DataFile } from '../../contracts/train-job.js';
import type { Bus } from '../mesh/bus.js';
import type { Admission } from './admission.js';
import { readBody } from './body-reader.js';
import { bodyEncoding } from './media.js';

const TIMEOUT_MS = 10_000;
// What a body of unknown length is counted as while it arrives.
const UNDECLARED_BYTES = 1_048_576;

export class TrainingJobs {
  constructor(
    private readonly homeRegion: string,
    private readonly bus: Bus,
    private readonly admission: Admission,
    private readonly limitBytes: () => number,
  ) {}

  ask<T>(verb: TrainerVerb, schema: z.ZodType<T>, body: unknown): Promise<T> {
    return this.bus.request(subjects.trainer(verb), schema, body, { timeoutMs: TIMEOUT_MS });
  }

  /** The body as it is, whatever its content type; the same bytes twice are kept once. A larger one goes through `massif train`. */
  async upload(name: string | undefined, request: FastifyRequest): Promise<DataFile> {
    const named = DataFile.shape.name.safeParse(name);
    if (!named.success)
      throw failure('BAD_REQUEST', 'A data set needs the name of its file: POST ...?name=flowers.csv.');
    const declared = request.headers['content-length'];
    const limitBytes = this.limitBytes();
    const declaredBytes = declared === undefined ? undefined : Number(declared);
    const leave = this.admission.enter(Math.min(declaredBytes ?? UNDECLARED_BYTES, limitBytes));
    try {
      const encoding = bodyEncoding('application/octet-stream', request.headers['content-encoding']);
      const bytes = await readBody(request.raw, { encoding, limitBytes, declaredBytes });
      if (bytes.length === 0) throw failure('BAD_REQUEST', 'The data set is empty.');
      const digest = createHash('sha256').update(bytes).digest('hex');
      const store = await this.store();
      const key = keys.dataset(digest);
      if ((await store.info(key)) === null)
        await store.putBlob({ name: key, description: named.data }, bytes);
      return { name: named.data, digest, bytes: bytes.length };
    } finally {
      leave();
    }
  }

  private store(): Promise<ObjectStore> {
    const { bus, homeRegion } = this;
    const elsewhere = bus.region === homeRegion ? {} : { domain: homeRegion };
    return bus.object(buckets.training(homeRegion), elsewhere);
  }
}
