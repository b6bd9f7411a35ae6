// The catalog as one picture: models with their versions and aliases, pushes under way, endpoints, pipelines, and the last sweep. Filled by the
// bucket's log, read by the decisions; it decides nothing itself.
import type { z } from 'zod';
import { failure } from '../../contracts/errors.js';
import type { Digest } from '../../contracts/names.js';
import { SubmissionRecord } from '../../contracts/lifecycle.js';
import { PipelineRecord } from '../../contracts/pipeline.js';
import { AliasRecord, EndpointRecord, VersionRecord } from '../../contracts/registry.js';
import type { Log } from '../mesh/log.js';
import type { LogEntry, BucketState } from '../mesh/bucket-log.js';
import type { ModelEntry } from './resolve.js';
import { isSleeper } from './sleeper.js';
import { SWEEP_KEY, SweepRecord } from './sweep.js';

interface Model extends ModelEntry {
  readonly versions: Map<Digest, VersionRecord>;
  readonly aliases: Map<string, Digest>;
  readonly endpoints: Map<string, EndpointRecord>;
}

type Taken =
  | { readonly kind: 'version'; readonly record: VersionRecord }
  | { readonly kind: 'alias'; readonly record: AliasRecord }
  | { readonly kind: 'endpoint'; readonly record: EndpointRecord }
  | { readonly kind: 'pipeline'; readonly record: PipelineRecord }
  | { readonly kind: 'submission'; readonly record: SubmissionRecord }
  | { readonly kind: 'sweep'; readonly record: SweepRecord };

export class CatalogState implements BucketState {
  readonly models = new Map<string, Model>();
  readonly endpoints = new Map<string, EndpointRecord>();
  /** Of these, those that want no place of their own accord, and the others. */
  readonly sleepers = new Map<string, EndpointRecord>();
  readonly placed = new Map<string, EndpointRecord>();
  readonly pipelines = new Map<string, PipelineRecord>();
  /** Models of which a version or an endpoint changed; whoever has seen to it takes them out. */
  readonly touched = new Set<string>();
  /** Grows with every change of an endpoint, all that placing goes by: a version has its size before an endpoint has it. */
  placing = 0;
  private readonly pending = new Map<string, SubmissionRecord>();
  private readonly byDigest = new Map<Digest, VersionRecord>();
  private readonly byKey = new Map<string, Taken>();
  private swept: { readonly record: SweepRecord; readonly revision: number } | undefined;

  constructor(private readonly log: Log) {}

  apply({ key, value, revision }: LogEntry): void {
    this.forget(key);
    if (value === undefined) return;
    const taken = read(key, value);
    // A record that nobody can read is as good as none, and must not stop the registry from reading the others.
    if (!taken) return this.log.error('catalog.unreadable', { key, revision });
    this.byKey.set(key, taken);
    switch (taken.kind) {
      case 'version':
        this.entry(taken.record.model).versions.set(taken.record.digest, taken.record);
        this.touched.add(taken.record.model);
        this.byDigest.set(taken.record.digest, taken.record);
        break;
      case 'alias':
        this.entry(taken.record.model).aliases.set(taken.record.alias, taken.record.version);
        break;
      case 'endpoint':
        this.endpoints.set(taken.record.name, taken.record);
        (isSleeper(taken.record) ? this.sleepers : this.placed).set(taken.record.name, taken.record);
        this.entry(taken.record.model).endpoints.set(taken.record.name, taken.record);
        this.touched.add(taken.record.model);
        this.placing++;
        break;
      case 'pipeline':
        this.pipelines.set(taken.record.name, taken.record);
        break;
      case 'submission':
        this.pending.set(key, taken.record);
        break;
      case 'sweep':
        this.swept = { record: taken.record, revision };
        break;
    }
  }

  reset(): void {
    this.models.clear();
    this.endpoints.clear();
    this.sleepers.clear();
    this.placed.clear();
    this.pipelines.clear();
    this.byDigest.clear();
    this.byKey.clear();
    this.pending.clear();
    this.placing++;
    this.swept = undefined;
  }

  /** Throws MODEL_UNKNOWN. */
  model(name: string): ModelEntry {
    const entry = this.models.get(name);
    if (entry && entry.versions.size > 0) return entry;
    throw failure('MODEL_UNKNOWN', `There is no model "${name}".`, { model: name });
  }

  endpointsOf(model: string): Iterable<EndpointRecord> {
    return this.models.get(model)?.endpoints.values() ?? [];
  }

  /** Of any model. */
  version(digest: Digest): VersionRecord | undefined {
    return this.byDigest.get(digest);
  }

  versions(): Iterable<VersionRecord> {
    return this.byDigest.values();
  }

  submissions(): SubmissionRecord[] {
    return [...this.pending.values()];
  }

  submissionsOf(model: string): SubmissionRecord[] {
    return this.submissions().filter((one) => one.model === model);
  }

  sweep(): { readonly record: SweepRecord; readonly revision: number } | undefined {
    return this.swept;
  }

  private entry(name: string): Model {
    const known = this.models.get(name);
    if (known) return known;
    const fresh: Model = { model: name, versions: new Map(), aliases: new Map(), endpoints: new Map() };
    this.models.set(name, fresh);
    return fresh;
  }

  private forget(key: string): void {
    const taken = this.byKey.get(key);
    if (!taken) return;
    this.byKey.delete(key);
    switch (taken.kind) {
      case 'version':
        this.models.get(taken.record.model)?.versions.delete(taken.record.digest);
        this.touched.add(taken.record.model);
        this.byDigest.delete(taken.record.digest);
        break;
      case 'alias':
        this.models.get(taken.record.model)?.aliases.delete(taken.record.alias);
        break;
      case 'endpoint':
        this.endpoints.delete(taken.record.name);
        this.sleepers.delete(taken.record.name);
        this.placed.delete(taken.record.name);
        this.models.get(taken.record.model)?.endpoints.delete(taken.record.name);
        this.touched.add(taken.record.model);
        this.placing++;
        break;
      case 'pipeline':
        this.pipelines.delete(taken.record.name);
        break;
      case 'submission':
        this.pending.delete(key);
        break;
      case 'sweep':
        this.swept = undefined;
        break;
    }
  }
}

function read(key: string, value: unknown): Taken | undefined {
  if (key === SWEEP_KEY) return parsed(SweepRecord, value, (record) => ({ kind: 'sweep', record }));
  if (key.startsWith('version.'))
    return parsed(VersionRecord, value, (record) => ({ kind: 'version', record }));
  if (key.startsWith('alias.')) return parsed(AliasRecord, value, (record) => ({ kind: 'alias', record }));
  if (key.startsWith('endpoint.'))
    return parsed(EndpointRecord, value, (record) => ({ kind: 'endpoint', record }));
  if (key.startsWith('submission.'))
    return parsed(SubmissionRecord, value, (record) => ({ kind: 'submission', record }));
  if (key.startsWith('pipeline.'))
    return parsed(PipelineRecord, value, (record) => ({ kind: 'pipeline', record }));
  return undefined;
}

function parsed<T>(schema: z.ZodType<T>, value: unknown, taken: (record: T) => Taken): Taken | undefined {
  const result = schema.safeParse(value);
  return result.success ? taken(result.data) : undefined;
}
