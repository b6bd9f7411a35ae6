// Gives the other shards of the region what lies on this one's disk, so that a store sends an artifact once and not once to every
// shard. Each artifact is a subscription of its own in a queue group: who asks for a digest reaches one of those that have it, and is
// told at once when nobody has. peer-artifacts.ts asks; the artifact cache says what there is.
import type { Msg, Subscription } from '@nats-io/transport-node';
import { constants, open } from 'node:fs/promises';
import { join } from 'node:path';
import { failure, toFailure } from '../../contracts/errors.js';
import { readRange } from '../../contracts/large-body.js';
import type { Digest } from '../../contracts/names.js';
import { queues, subjects } from '../../contracts/subjects.js';
import { CHUNK_BYTES } from '../mesh/bodies/body-fetcher.js';
import type { Bus } from '../mesh/bus.js';
import { errorReply } from '../mesh/error-reply.js';

/** Subscriptions; what was offered longest ago is offered no more. */
const OFFERED_MAX = 4_096;
/** Reads at once: half a MiB each, so this bounds what waits in memory for the connection. */
const READS_MAX = 16;

export interface OfferParts {
  readonly bus: Pick<Bus, 'nc' | 'region'>;
  /** Of the artifact cache. */
  readonly dir: string;
  /** Told of the bytes of each answer. */
  readonly gave: (bytes: number) => void;
}

export class ArtifactOffers {
  /** The longest offered first. */
  private readonly offered = new Map<Digest, Subscription>();
  private reads = 0;

  constructor(private readonly parts: OfferParts) {}

  offer(digest: Digest): void {
    const { nc, region } = this.parts.bus;
    if (this.offered.has(digest) || nc.isClosed() || nc.isDraining()) return;
    const callback = (error: Error | null, message: Msg): void => {
      if (!error) void this.answer(digest, message);
    };
    const subject = subjects.artifact(region, digest);
    this.offered.set(digest, nc.subscribe(subject, { queue: queues.artifact, callback }));
    const [oldest] = this.offered.keys();
    if (this.offered.size > OFFERED_MAX && oldest !== undefined) this.withdraw(oldest);
  }

  withdraw(digest: Digest): void {
    const subscription = this.offered.get(digest);
    this.offered.delete(digest);
    if (subscription && !this.parts.bus.nc.isClosed()) subscription.unsubscribe();
  }

  close(): void {
    for (const digest of this.offered.keys()) this.withdraw(digest);
  }

  private async answer(digest: Digest, message: Msg): Promise<void> {
    try {
      if (this.reads >= READS_MAX)
        throw failure('MAILBOX_FULL', 'This shard reads as many artifacts for others as it may.');
      this.reads++;
      const part = await this.read(digest, message.string()).finally(() => this.reads--);
      this.parts.gave(part.length);
      message.respond(part);
    } catch (error) {
      const { headers, data } = errorReply(toFailure(error));
      message.respond(data, { headers });
    }
  }

  /** What is asked for, as far as there is so much. Whoever asked hashes the whole. */
  private async read(digest: Digest, text: string): Promise<Uint8Array> {
    const range = readRange(text);
    if (!range || range.length > CHUNK_BYTES)
      throw failure(
        'BAD_REQUEST',
        `Bytes of an artifact are asked for as "<offset> <length>", at most ${CHUNK_BYTES}.`,
      );
    const path = join(this.parts.dir, digest);
    // O_NOFOLLOW: a link in the cache is no file of ours.
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch((cause: unknown) => {
      throw failure('NOT_FOUND', 'The artifact does not lie here any more.', {}, cause);
    });
    try {
      const part = new Uint8Array(range.length);
      const { bytesRead } = await file.read(part, 0, range.length, range.offset);
      return part.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  }
}
