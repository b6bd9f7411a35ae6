// The resources that a shard has on its own disk, one file each, named by digest. What is missing or damaged is fetched from the sources
// in the order given: the region's shards, its store, the home region's. A file gets its name only when its bytes were hashed, and
// every later read hashes them again.
import { createHash } from 'node:crypto';
import { lstat, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Failure, failure, toFailure } from '../../contracts/errors.js';
import { Digest } from '../../contracts/names.js';
import type { Resource } from '../../contracts/registry.js';
import type { Log } from '../mesh/log.js';
import { type CachedFile, chooseEvictions } from './eviction.js';
import { checkVerified, readVerified } from './verified-read.js';

export interface ArtifactSource {
  readonly name: string;
  readonly read: (resource: Resource) => AsyncIterable<Uint8Array>;
}

export interface CacheOptions {
  readonly dir: string;
  readonly sources: readonly ArtifactSource[];
  readonly bytesMax: number;
  readonly log: Log;
  /** Told of what lies here, from the beginning, of what lies here no more, and of each fetch that came to an end. */
  readonly told?: CacheListener;
}

export interface CacheListener {
  readonly here: (digest: Digest) => void;
  readonly gone: (digest: Digest) => void;
  readonly fetched: (source: string, bytes: number) => void;
}

export class ArtifactCache {
  private fetches = 0;

  private constructor(private readonly options: CacheOptions) {}

  static async open(options: CacheOptions): Promise<ArtifactCache> {
    await mkdir(options.dir, { recursive: true });
    // What an earlier life did not finish is nobody's.
    for (const name of await readdir(options.dir))
      if (Digest.safeParse(name).success) options.told?.here(name);
      else await rm(join(options.dir, name), { force: true });
    return new ArtifactCache(options);
  }

  get dir(): string {
    return this.options.dir;
  }

  /** The verified bytes, from disk or fetched. Throws UNAVAILABLE when no store has them. */
  read(resource: Resource): Promise<Uint8Array> {
    return this.verified(resource, readVerified);
  }

  private async verified<T>(
    resource: Resource,
    look: (path: string, resource: Resource) => Promise<T>,
  ): Promise<T> {
    const path = join(this.dir, resource.digest);
    try {
      return await look(path, resource);
    } catch (error) {
      if (isMissing(error)) return this.fetch(resource, look);
      // Somebody or some disk changed it: what is refused here would be refused by the engine as well.
      this.options.log.warn('artifact.damaged', { digest: resource.digest, name: resource.name });
      await this.remove(resource.digest);
      return this.fetch(resource, look);
    }
  }

  /** A file of this name and size lies here; what is in it whoever loads it finds out. */
  async has({ digest, bytes }: Resource): Promise<boolean> {
    const found = await lstat(join(this.dir, digest)).catch(() => undefined);
    return found?.isFile() === true && found.size === bytes;
  }

  /** Afterwards it lies here, whole and verified; never held in memory, whatever its size. */
  async ensure(resource: Resource): Promise<void> {
    await this.verified(resource, checkVerified);
  }

  /** Removes the longest unused files above the limit; `keep` are those of the versions on this shard. */
  async evict(keep: ReadonlySet<Digest>): Promise<void> {
    const files: CachedFile[] = [];
    for (const name of await readdir(this.dir)) {
      const { size, atimeMs } = await stat(join(this.dir, name));
      files.push({ digest: name, bytes: size, usedAtMs: atimeMs });
    }
    for (const digest of chooseEvictions(files, keep, this.options.bytesMax)) await this.remove(digest);
  }

  private async remove(digest: Digest): Promise<void> {
    this.options.told?.gone(digest);
    await rm(join(this.dir, digest), { force: true });
  }

  private async fetch<T>(
    resource: Resource,
    look: (path: string, resource: Resource) => Promise<T>,
  ): Promise<T> {
    let last: Failure | undefined;
    for (const source of this.options.sources) {
      try {
        await this.copy(source, resource);
        this.options.told?.here(resource.digest);
        this.options.told?.fetched(source.name, resource.bytes);
        this.options.log.info('artifact.fetched', {
          name: resource.name,
          digest: resource.digest,
          from: source.name,
        });
        return await look(join(this.dir, resource.digest), resource);
      } catch (error) {
        last = toFailure(error);
      }
    }
    throw failure(
      'UNAVAILABLE',
      `No store gives "${resource.name}": ${last?.message ?? 'there is none.'}`,
      {},
      last,
    );
  }

  private async copy(source: ArtifactSource, resource: Resource): Promise<void> {
    const { digest, bytes, name } = resource;
    // Several shards may share a disk, and one shard may be asked twice.
    const unfinished = join(this.dir, `${digest}.${process.pid}.${++this.fetches}`);
    const file = await open(unfinished, 'wx', 0o400);
    try {
      const hash = createHash('sha256');
      let written = 0;
      for await (const part of source.read(resource)) {
        written += part.length;
        if (written > bytes) break;
        hash.update(part);
        await file.write(part);
      }
      if (written !== bytes || hash.digest('hex') !== digest)
        throw failure('UNSIGNED', `What ${source.name} gives for "${name}" is not what was signed.`, {
          digest,
        });
      await file.close();
      await rename(unfinished, join(this.dir, digest));
    } catch (error) {
      await file.close().catch(() => undefined);
      await rm(unfinished, { force: true });
      throw error;
    }
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';
