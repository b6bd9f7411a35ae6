// Resources by their digest, complete or not there at all. A copy that is cut off goes on where it ended, a copy of wrong bytes
// is thrown away, and only after the last byte was checked does the object get its name. Push fills the home region's store,
// replication the others'; shards read them with any object store client.
import type { StoredMsg } from '@nats-io/jetstream';
import { headers as natsHeaders } from '@nats-io/transport-node';
import { createHash } from 'node:crypto';
import { failure } from '../../contracts/errors.js';
import { Digest, shortDigest } from '../../contracts/names.js';
import type { Bus } from '../mesh/bus.js';
import { isLostRace } from '../mesh/lost-race.js';
import { type BucketPlace, ObjectBucket } from './object-bucket.js';
import { rechunk } from './rechunk.js';

/** Where bytes come from; asked again when a copy has to begin anew. */
export type Source = () => AsyncIterable<Uint8Array>;

// One round trip a piece: larger ones are faster to a far region, and this still fits a server's default limit of 1 MiB.
const CHUNK_BYTES = 512 * 1024;
// The part's number in each part: the last one says how far the copy got.
const PART_HEADER = 'Massif-Part';
const TRIES_MAX = 5;

export interface Touched {
  readonly atMs: number;
  readonly seq: number;
}

export class ArtifactStore {
  static async open(bus: Bus, place: BucketPlace): Promise<ArtifactStore> {
    return new ArtifactStore(await ObjectBucket.open(bus, place));
  }

  private constructor(private readonly objects: ObjectBucket) {}

  /** Undefined when it is not there, or not whole. */
  async bytesOf(digest: Digest): Promise<number | undefined> {
    return (await this.objects.find(digest))?.bytes;
  }

  /** Throws UNAVAILABLE when it is not there. Every copy was checked when it was made; readers that run it check again. */
  async *read(digest: Digest, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const found = await this.objects.find(digest);
    if (!found) throw failure('UNAVAILABLE', `The artifact ${digest} is not in ${this.objects.bucket}.`);
    yield* this.objects.chunks(found, signal);
  }

  /** Afterwards it is there, with so many bytes. Throws UNSIGNED, naming `what`, when they have another digest. */
  async write(digest: Digest, source: Source, what = 'the artifact'): Promise<number> {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const [there, part] = await Promise.all([
        this.bytesOf(digest),
        this.last(this.objects.chunkSubject(digest)),
      ]);
      if (there !== undefined) return there;
      const copied = await this.copy(digest, part, source(), what);
      if (typeof copied === 'number') return copied;
      // Parts of an earlier copy turned out wrong, or another process copies at the same time: look again where it stands.
      if (copied === 'spoilt') await this.remove(digest);
    }
    throw failure('CONFLICT', `Another copy of ${what} is under way.`, { digest });
  }

  /** All that lies here: true for what is whole, false for parts of it. */
  async list(): Promise<Map<Digest, boolean>> {
    const { manager, stream, bucket } = this.objects;
    const filter = { subjects_filter: `$O.${bucket}.>` };
    const { state } = await this.objects.ask(() => manager.streams.info(stream, filter));
    const found = new Map<Digest, boolean>();
    for (const subject of Object.keys(state.subjects ?? {})) {
      const [, , kind, name = ''] = subject.split('.');
      const digest = kind === 'M' ? Buffer.from(name, 'base64url').toString() : name;
      if (Digest.safeParse(digest).success) found.set(digest, kind === 'M' || found.get(digest) === true);
    }
    return found;
  }

  /** When anything of it was written last, and the sequence of that; undefined when nothing is there. */
  async touched(digest: Digest): Promise<Touched | undefined> {
    const { objects } = this;
    const last = await Promise.all([
      this.last(objects.metaSubject(digest)),
      this.last(objects.chunkSubject(digest)),
    ]);
    const there = last.filter((message) => message !== null);
    if (there.length === 0) return undefined;
    return {
      atMs: Math.max(...there.map((message) => message.time.getTime())),
      seq: Math.max(...there.map((message) => message.seq)),
    };
  }

  /** What was written up to `seq`, or all of it. The name goes first: half an object must not look like a whole one. */
  async remove(digest: Digest, seq?: number): Promise<void> {
    const { manager, stream } = this.objects;
    for (const filter of [this.objects.metaSubject(digest), this.objects.chunkSubject(digest)])
      await this.objects.ask(() =>
        manager.streams.purge(stream, seq === undefined ? { filter } : { filter, seq: seq + 1 }),
      );
  }

  /** `before`: the last part that is there. How many bytes it is, once it is complete. */
  private async copy(
    digest: Digest,
    before: StoredMsg | null,
    source: AsyncIterable<Uint8Array>,
    what: string,
  ): Promise<number | 'raced' | 'spoilt'> {
    const hash = createHash('sha256');
    const written = before ? Number(before.header.get(PART_HEADER)) + 1 : 0;
    let last = before?.seq ?? 0;
    let bytes = 0;
    let parts = 0;
    for await (const part of rechunk(source, CHUNK_BYTES)) {
      hash.update(part);
      bytes += part.length;
      const next = parts < written ? last : await this.append(digest, part, parts, last);
      if (next === undefined) return 'raced';
      last = next;
      parts++;
    }
    const found = hash.digest('hex');
    if (found !== digest) {
      await this.remove(digest);
      throw failure(
        'UNSIGNED',
        `The bytes of ${what} have the digest ${shortDigest(found)}, not ${shortDigest(digest)}.`,
        { digest, found },
      );
    }
    // What this run wrote came from the bytes it hashed; what it found there is read back.
    if (written > 0 && !(written <= parts && (await this.holds(digest, parts, bytes)))) return 'spoilt';
    await this.name(digest, parts, bytes);
    return bytes;
  }

  /** Undefined when somebody else appended first. */
  private async append(
    digest: Digest,
    part: Uint8Array,
    number: number,
    after: number,
  ): Promise<number | undefined> {
    const headers = natsHeaders();
    headers.set(PART_HEADER, String(number));
    const expect = { streamName: this.objects.stream, lastSubjectSequence: after };
    try {
      const ack = await this.objects.ask(() =>
        this.objects.js.publish(this.objects.chunkSubject(digest), part, { headers, expect }),
      );
      return ack.seq;
    } catch (error) {
      if (isLostRace(error)) return undefined;
      throw error;
    }
  }

  private async holds(digest: Digest, chunks: number, bytes: number): Promise<boolean> {
    const hash = createHash('sha256');
    for await (const part of this.objects.chunks({ name: digest, nuid: digest, chunks, bytes }))
      hash.update(part);
    return hash.digest('hex') === digest;
  }

  private async name(digest: Digest, chunks: number, size: number): Promise<void> {
    const info = {
      name: digest,
      bucket: this.objects.bucket,
      nuid: digest,
      size,
      chunks,
      // Padded base64url, as the protocol of object stores has it.
      digest: `SHA-256=${Buffer.from(digest, 'hex').toString('base64').replaceAll('+', '-').replaceAll('/', '_')}`,
      deleted: false,
      options: { max_chunk_size: CHUNK_BYTES },
    };
    const headers = natsHeaders();
    headers.set('Nats-Rollup', 'sub');
    const expect = { streamName: this.objects.stream };
    await this.objects.ask(() =>
      this.objects.js.publish(this.objects.metaSubject(digest), JSON.stringify(info), { headers, expect }),
    );
  }

  private last(subject: string) {
    const { manager, stream } = this.objects;
    return this.objects.ask(() => manager.streams.getMessage(stream, { last_by_subj: subject }));
  }
}
