// What the mesh serves, read from the catalog of the nearest region: endpoints, versions, and the files that belong to them.
// It asks no service, so it answers also while the registry is away.
import type { KV } from '@nats-io/kv';
import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { buckets, keys } from '../contracts/buckets.js';
import { failure } from '../contracts/errors.js';
import type { Digest } from '../contracts/names.js';
import { PipelineRecord } from '../contracts/pipeline.js';
import { EndpointRecord, type Resource, VersionRecord } from '../contracts/registry.js';
import { ArtifactReader } from '../services/mesh/artifact-reader.js';
import type { Connections } from './connections.js';

const ARTIFACT_TIMEOUT_MS = 30_000;

export class Catalog {
  constructor(private readonly connections: Connections) {}

  endpoints(): Promise<EndpointRecord[]> {
    return this.read(async (kv) => {
      const found: EndpointRecord[] = [];
      for await (const key of await kv.keys('endpoint.*')) {
        const record = await get(kv, key, EndpointRecord);
        if (record) found.push(record);
      }
      return found.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    });
  }

  async endpoint(name: string): Promise<EndpointRecord> {
    const found = await this.read((kv) => get(kv, keys.endpoint(name), EndpointRecord));
    if (found) return found;
    throw failure('ENDPOINT_UNKNOWN', `There is no endpoint ${name}.`);
  }

  /** Undefined where the name is an endpoint's, or nobody's. */
  pipeline(name: string): Promise<PipelineRecord | undefined> {
    return this.read((kv) => get(kv, keys.pipeline(name), PipelineRecord));
  }

  /** By digest, by its beginning, or by label. */
  async version(model: string, version: string): Promise<VersionRecord> {
    const found = await this.read(async (kv) => {
      for await (const key of await kv.keys(keys.versionsOf(model))) {
        const record = await get(kv, key, VersionRecord);
        if (record && (record.label === version || record.digest.startsWith(version))) return record;
      }
      return undefined;
    });
    if (found) return found;
    throw failure('VERSION_UNKNOWN', `Model ${model} has no version ${version}.`);
  }

  /** A file of a version, checked against its digest. Undefined when the version has none of this name. */
  async file(version: VersionRecord, name: string): Promise<Uint8Array | undefined> {
    const resource = version.resources.find((candidate) => candidate.name === name);
    return resource && this.artifact(resource.digest);
  }

  /** A file that may be too large to be held, part by part; only at its end is it sure that it was the signed one. */
  async *stream({ name, digest }: Resource): AsyncGenerator<Uint8Array> {
    const bus = await this.connections.nearest((nearest) => Promise.resolve(nearest));
    const hash = createHash('sha256');
    for await (const part of new ArtifactReader(bus, { bucket: buckets.artifacts(bus.region) }).read(
      digest,
    )) {
      hash.update(part);
      yield part;
    }
    if (hash.digest('hex') !== digest)
      throw failure(
        'UNSIGNED',
        `What the store of ${bus.region} gives for "${name}" is not what was signed.`,
        { digest },
      );
  }

  private artifact(digest: Digest): Promise<Uint8Array> {
    return this.connections.nearest(async (bus) => {
      const store = await bus.object(buckets.artifacts(bus.region));
      const bytes = await withinMs(store.getBlob(digest), ARTIFACT_TIMEOUT_MS);
      if (bytes && createHash('sha256').update(bytes).digest('hex') === digest) return bytes;
      throw failure('UNAVAILABLE', `The file ${digest} is not whole in region ${bus.region}.`, { digest });
    });
  }

  private read<T>(ask: (kv: KV) => Promise<T>): Promise<T> {
    return this.connections.nearest(async (bus) => {
      const bucket = buckets.catalog(bus.region);
      const kv = await bus.kv(bucket);
      return ask(kv).catch((error: unknown) => {
        throw failure(
          'UNAVAILABLE',
          `The catalog of region ${bus.region} does not answer.`,
          { bucket },
          error,
        );
      });
    });
  }
}

async function get<T>(kv: KV, key: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const entry = await kv.get(key);
  return entry?.operation === 'PUT' ? schema.parse(entry.json()) : undefined;
}

/** The object store's own reads wait for ever when their server goes. */
async function withinMs<T>(work: Promise<T>, ms: number): Promise<T> {
  const late = AbortSignal.timeout(ms);
  const lateness = new Promise<never>((_, reject) => {
    late.addEventListener('abort', () =>
      reject(failure('DEADLINE', `The object store gave no answer in ${ms} ms.`)),
    );
  });
  return Promise.race([work, lateness]);
}
