// The records of jobs in KV. Every change is a compare-and-set on what was read, so that two processes which both believe to have a
// job cannot both write, and a cancel never gets lost under progress.
import type { KV } from '@nats-io/kv';
import type { z } from 'zod';
import { keys } from '../../../contracts/buckets.js';
import { failure } from '../../../contracts/errors.js';
import type { AnyJob } from '../../../contracts/job.js';
import type { Clock } from '../clock.js';
import { advance, type JobEvent } from './job-state.js';

const TRIES_MAX = 8;

export class JobStore<R extends AnyJob> {
  constructor(
    private readonly kv: KV,
    private readonly schema: z.ZodType<R>,
    private readonly clock: Clock,
  ) {}

  async create(record: R): Promise<void> {
    await this.kv.create(keys.job(record.id), JSON.stringify(record));
  }

  /** Throws NOT_FOUND. */
  async read(id: string): Promise<R> {
    return (await this.entry(id)).record;
  }

  /** Newest first. */
  async all(): Promise<R[]> {
    const records: R[] = [];
    for await (const key of await this.kv.keys()) {
      const entry = await this.kv.get(key);
      const parsed = entry === null ? undefined : this.schema.safeParse(entry.json());
      if (parsed?.success) records.push(parsed.data);
    }
    return records.toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
  }

  /** Only what is over has an end here. */
  async forget(id: string): Promise<void> {
    await this.kv.purge(keys.job(id));
  }

  /** With `attempt`: throws LEASE_LOST when somebody else has gone on with it meanwhile. */
  async change(id: string, event: JobEvent<R>, attempt?: number): Promise<R> {
    for (let tries = 0; ; tries++) {
      const { record, revision } = await this.entry(id);
      if (attempt !== undefined && record.attempts !== attempt)
        throw failure(
          'LEASE_LOST',
          `The job ${id} was taken over by ${record.worker ?? 'another process'}.`,
          { job: id },
        );
      const next = advance(record, event, this.clock.now());
      try {
        await this.kv.update(keys.job(id), JSON.stringify(next), revision);
        return next;
      } catch (error) {
        const raced = error instanceof Error && /wrong last sequence/.test(error.message);
        if (!raced || tries >= TRIES_MAX) throw error;
      }
    }
  }

  private async entry(id: string): Promise<{ record: R; revision: number }> {
    const entry = await this.kv.get(keys.job(id));
    if (entry === null || entry.operation !== 'PUT')
      throw failure('NOT_FOUND', `There is no job "${id}": massif jobs lists them.`, { job: id });
    return { record: this.schema.parse(entry.json()), revision: entry.revision };
  }
}
