// Reads an artifact from the shards of the region that have it on their disks, chunk by chunk. Any of them may answer any chunk, so one
// that dies in the middle is followed by another where it stopped. The artifact cache asks here before it asks a store.
import { RequestError } from '@nats-io/transport-node';
import { type Failure, failure } from '../../contracts/errors.js';
import { writeRange } from '../../contracts/large-body.js';
import type { Resource } from '../../contracts/registry.js';
import { subjects } from '../../contracts/subjects.js';
import { CHUNK_BYTES } from '../mesh/bodies/body-fetcher.js';
import type { Bus } from '../mesh/bus.js';
import { failureIn } from '../mesh/error-reply.js';

/** Asked for ahead of what was read: 2 MiB on their way. */
const AHEAD = 4;
/** A frozen holder answers never; the next try reaches another one, if there is any. */
const CHUNK_MS = 1_500;
const TRIES = 3;
/** For the first word that anybody has it. NATS says at once when nobody does, but not where somebody listens to everything. */
const FIRST_MS = 400;

export class PeerArtifacts {
  readonly name = 'peers';

  constructor(private readonly bus: Pick<Bus, 'nc' | 'region' | 'connected'>) {}

  /** In order. Throws UNAVAILABLE when nobody has it, at once, or nobody has it any more; whoever reads hashes what comes. */
  async *read(resource: Pick<Resource, 'digest' | 'bytes'>): AsyncGenerator<Uint8Array> {
    const { bytes } = resource;
    const asked: Promise<Uint8Array>[] = [];
    for (let at = 0, next = 0; at < bytes;) {
      // The first chunk alone: mostly nobody has it.
      while (next < bytes && asked.length < (at === 0 ? 1 : AHEAD)) {
        const length = Math.min(CHUNK_BYTES, bytes - next);
        const chunk = this.chunk(resource, next, length);
        chunk.catch(() => undefined); // who reads may have stopped before
        asked.push(chunk);
        next += length;
      }
      const part = await asked.shift();
      if (part === undefined) return;
      yield part;
      at += part.length;
    }
  }

  private async chunk(
    { digest }: Pick<Resource, 'digest'>,
    offset: number,
    length: number,
  ): Promise<Uint8Array> {
    const subject = subjects.artifact(this.bus.region, digest);
    let last: Failure | undefined;
    const [tries, timeout] = offset === 0 ? [1, FIRST_MS] : [TRIES, CHUNK_MS];
    for (let tried = 0; tried < tries; tried++) {
      // On a connection that is down a request would wait out its time.
      if (!this.bus.connected()) throw unavailable('The shards of the region cannot be reached.');
      try {
        const answer = await this.bus.nc.request(subject, writeRange({ offset, length }), { timeout });
        last = failureIn(answer);
        if (!last && answer.data.length === length) return answer.data;
        last ??= unavailable('A shard of the region has fewer bytes of it than were signed.');
      } catch (cause) {
        if (cause instanceof RequestError && cause.isNoResponders())
          throw unavailable('No shard of the region has it.', cause);
        last = unavailable('No shard of the region that has it answers in time.', cause);
      }
    }
    throw last ?? unavailable('No shard of the region has it.');
  }
}

const unavailable = (why: string, cause?: unknown): Failure => failure('UNAVAILABLE', why, {}, cause);
