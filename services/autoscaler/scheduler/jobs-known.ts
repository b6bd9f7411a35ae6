// The jobs that pools are to run, as their records say: followed for as long as the process lives. The scheduler asks.
import { buckets } from '../../../contracts/buckets.js';
import { isOpen, JobBase } from '../../../contracts/job.js';
import { JobTerms } from '../../../contracts/job-terms.js';
import type { JobKind } from '../../../contracts/scheduling.js';
import { z } from 'zod';
import type { Bus } from '../../mesh/bus.js';
import { type BucketEntry, watchBucket, type WatchOptions } from '../../mesh/watch-bucket.js';

export interface KnownJob {
  readonly id: string;
  readonly kind: JobKind;
  readonly model: string;
  readonly terms: JobTerms;
  /** Somebody works on it, or was lost. */
  readonly begun: boolean;
  /** Milliseconds since 1970 at which its record changed last; while it waits, when it began to. */
  readonly changedAt: number;
}

const Known = JobBase.extend({ job: z.object({ model: z.string() }) });
const decoder = new TextDecoder();

export class JobsKnown {
  private readonly records = new Map<string, KnownJob>();
  private readonly ended = new AbortController();

  /** Returns when they are listed. */
  static async open(
    bus: Bus,
    home: string,
    options: Pick<WatchOptions, 'clock' | 'log'>,
  ): Promise<JobsKnown> {
    const known = new JobsKnown();
    const { signal } = known.ended;
    const follow = async (bucket: string, kind: JobKind): Promise<void> => {
      // Trainers make it too; whoever comes first.
      await bus.kv(bucket, { create: { history: 1 } });
      await watchBucket(bus, bucket, (entry) => known.take(entry, kind), signal, options);
    };
    await Promise.all([follow(buckets.jobs(home), 'train'), follow(buckets.compressJobs(home), 'compress')]);
    return known;
  }

  /** Those that are not over. */
  open(): KnownJob[] {
    return [...this.records.values()];
  }

  close(): void {
    this.ended.abort();
  }

  private take({ key, value }: BucketEntry, kind: JobKind): void {
    const record = value && Known.safeParse(parse(value)).data;
    // One that cannot be read is nobody's to start.
    if (!record || record.runsOn !== 'pools' || !isOpen(record)) {
      this.records.delete(`${kind} ${key}`);
      return;
    }
    this.records.set(`${kind} ${key}`, {
      id: record.id,
      kind,
      model: record.job.model,
      terms: record.terms ?? JobTerms.parse({}),
      begun: record.state !== 'queued',
      changedAt: Date.parse(record.updatedAt),
    });
  }
}

function parse(value: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(value));
  } catch {
    return undefined;
  }
}
