// Models, versions, aliases and endpoints: what the registry's verbs do. Every change is one decision on the newest state, written
// on the condition that this state still stands (bucket-log.ts); the rules themselves are in resolve, endpoint and lineage.
import { failure } from '../../contracts/errors.js';
import { keys } from '../../contracts/buckets.js';
import { type Digest, shortDigest } from '../../contracts/names.js';
import type {
  AliasRecord,
  AliasRequest,
  DeployReply,
  DeployRequest,
  EndpointQuery,
  EndpointRecord,
  EndpointsReply,
  LineageReply,
  ModelsReply,
  ModelsRequest,
  ShowReply,
  VersionQuery,
  VersionRecord,
} from '../../contracts/registry.js';
import type { Clock } from '../mesh/clock.js';
import type { Random } from '../mesh/random.js';
import type { BucketLog } from './bucket-log.js';
import type { CatalogState } from './catalog-state.js';
import { decideEndpoint } from './endpoint.js';
import { lineageOf } from './lineage.js';
import type { Wanting } from './placer.js';
import { byLabel, createdAfter, type ModelEntry, newestFirst, resolveVersion } from './resolve.js';
import { referencedBy, SWEEP_KEY, type SweepRecord, sweepSince } from './sweep.js';

export interface CatalogParts {
  readonly log: BucketLog;
  readonly state: CatalogState;
  readonly clock: Clock;
  readonly random: Random;
}

/** `look again`: a sweep ran since; the caller must make sure that its artifacts are still there. */
export type Admitted =
  { readonly kind: 'created' | 'known'; readonly version: VersionRecord } | { readonly kind: 'look again' };

// A reply must fit one message; nobody reads more in a list.
const VERSIONS_LISTED_MAX = 1_000;

export class Catalog {
  constructor(private readonly parts: CatalogParts) {}

  /** Newest first, models by name. */
  async models({ model, archived }: ModelsRequest): Promise<ModelsReply> {
    await this.parts.log.refresh();
    const { state } = this.parts;
    const entries = model === undefined ? [...state.models.values()] : [state.model(model)];
    const models = entries
      .map((entry) => summaryOf(entry, archived))
      .filter((one) => one.versions.length > 0);
    const listed = models.reduce((sum, { versions }) => sum + versions.length, 0);
    if (listed > VERSIONS_LISTED_MAX)
      throw failure(
        'TOO_LARGE',
        `There are ${listed} versions, a list has ${VERSIONS_LISTED_MAX}: name a model.`,
      );
    return { models: models.sort((a, b) => (a.model < b.model ? -1 : 1)) };
  }

  async show({ model, version }: VersionQuery): Promise<ShowReply> {
    await this.parts.log.refresh();
    return { version: resolveVersion(this.parts.state.model(model), version) };
  }

  async lineage({ model, version }: VersionQuery): Promise<LineageReply> {
    await this.parts.log.refresh();
    const { state } = this.parts;
    return lineageOf(resolveVersion(state.model(model), version), (digest) => state.version(digest));
  }

  async endpoints(): Promise<EndpointsReply> {
    await this.parts.log.refresh();
    return { endpoints: [...this.parts.state.endpoints.values()].sort((a, b) => (a.name < b.name ? -1 : 1)) };
  }

  alias({ model, alias, version }: AliasRequest): Promise<ShowReply> {
    return this.parts.log.transact(() => {
      const entry = this.parts.state.model(model);
      const record = resolveVersion(entry, version);
      checkAlias(entry, alias, record);
      const result = { version: record };
      if (entry.aliases.get(alias) === record.digest) return { result };
      const value: AliasRecord = { model, alias, version: record.digest };
      return { change: { key: keys.alias(model, alias), value }, result };
    });
  }

  deploy(request: DeployRequest): Promise<DeployReply> {
    const { log, state, clock, random } = this.parts;
    const freshSalt = Math.floor(random() * 2 ** 48).toString(36);
    return log.transact(() => {
      const current = state.endpoints.get(request.endpoint);
      const entry = state.model(request.model);
      const endpoint = decideEndpoint(request, {
        current,
        resolve: (version) => resolveVersion(entry, version),
        nowMs: clock.now(),
        freshSalt,
      });
      const result = { endpoint };
      return { change: { key: keys.endpoint(endpoint.name), value: endpoint }, result };
    });
  }

  undeploy({ endpoint: name }: EndpointQuery): Promise<DeployReply> {
    return this.parts.log.transact(() => {
      const endpoint = this.parts.state.endpoints.get(name);
      if (!endpoint) throw failure('ENDPOINT_UNKNOWN', `There is no endpoint "${name}".`, { endpoint: name });
      return { change: { key: keys.endpoint(name), value: undefined }, result: { endpoint } };
    });
  }

  /** An archived version keeps its bytes, its label and its lineage; it is only never chosen and never deployed again. */
  archive({ model, version }: VersionQuery): Promise<ShowReply> {
    return this.parts.log.transact(() => {
      if (version === undefined)
        throw failure('BAD_REQUEST', 'Say which version is to be archived: the default one is in use.');
      const record = resolveVersion(this.parts.state.model(model), version);
      const user = usingEndpoint(this.parts.state.endpoints.values(), record.digest);
      if (user)
        throw failure(
          'BAD_REQUEST',
          `The endpoint "${user}" uses the version "${record.label}": deploy another one there first.`,
          { endpoint: user },
        );
      const archived: VersionRecord = { ...record, state: 'archived' };
      const result = { version: archived };
      if (record.state === 'archived') return { result };
      return { change: { key: keys.version(model, record.digest), value: archived }, result };
    });
  }

  /** As of now, with the revision that a later admission refers to. */
  async find(
    model: string,
    digest: Digest,
  ): Promise<{ version: VersionRecord | undefined; revision: number }> {
    await this.parts.log.refresh();
    const version = this.parts.state.models.get(model)?.versions.get(digest);
    return { version, revision: this.parts.log.revision };
  }

  /** Throws what `admit` would throw by now, so that a push which cannot succeed ends before it copies. */
  async check(record: Omit<VersionRecord, 'createdAt'>): Promise<void> {
    await this.parts.log.refresh();
    this.refuse(record);
  }

  /** The step that makes a version exist; everything before it is nothing, everything after it is comfort. */
  admit(record: Omit<VersionRecord, 'createdAt'>, sinceRevision: number): Promise<Admitted> {
    const { log, state, clock } = this.parts;
    return log.transact((): { change?: { key: string; value: unknown }; result: Admitted } => {
      const entry = state.models.get(record.model);
      const known = entry?.versions.get(record.digest);
      if (known) return { result: { kind: 'known', version: known } };
      this.refuse(record);
      const digests = record.resources.map((resource) => resource.digest);
      const sweep = sweepSince(state.sweep(), sinceRevision, digests);
      if (sweep === 'in the way')
        throw failure(
          'CONFLICT',
          'Left-over files of this version are being removed right now: push it again.',
        );
      if (sweep === 'look again') return { result: { kind: 'look again' } };
      const version: VersionRecord = { ...record, createdAt: createdAfter(entry, clock.now()) };
      return {
        change: { key: keys.version(record.model, record.digest), value: version },
        result: { kind: 'created', version },
      };
    });
  }

  /** Digests that some version refers to, archived ones included. */
  async referenced(): Promise<Set<Digest>> {
    await this.parts.log.refresh();
    return referencedBy(this.parts.state.versions());
  }

  /** What the placer places, and how large it is. */
  async wanting(): Promise<Wanting> {
    await this.parts.log.refresh();
    const { state } = this.parts;
    return { endpoints: state.endpoints.values(), sizeOf: (digest) => state.version(digest)?.bytes };
  }

  /** `decide` sees the newest versions and what an earlier sweep did not finish; what it returns is announced before it goes. */
  beginSweep(decide: (state: CatalogState, unfinished: readonly Digest[]) => Digest[]): Promise<Digest[]> {
    return this.parts.log.transact(() => {
      const last = this.parts.state.sweep()?.record;
      const digests = decide(this.parts.state, last && !last.done ? last.digests : []);
      if (digests.length === 0) return { result: digests };
      const value: SweepRecord = { digests, done: false };
      return { change: { key: SWEEP_KEY, value }, result: digests };
    });
  }

  async endSweep(digests: Digest[]): Promise<void> {
    const value: SweepRecord = { digests, done: true };
    await this.parts.log.transact(() => ({ change: { key: SWEEP_KEY, value }, result: undefined }));
  }

  private refuse({ model, label, digest, card }: Omit<VersionRecord, 'createdAt'>): void {
    const { state } = this.parts;
    const entry = state.models.get(model);
    const holder = entry && byLabel(entry, label);
    if (holder && holder.digest !== digest)
      throw failure(
        'BAD_REQUEST',
        `The label "${label}" of "${model}" is that of version ${shortDigest(holder.digest)} for good: choose another.`,
        { label, version: holder.digest },
      );
    if (entry?.aliases.has(label))
      throw failure('BAD_REQUEST', `"${label}" is an alias of "${model}": choose another label.`, { label });
    if (card.parent !== undefined && !state.version(card.parent))
      throw failure(
        'BAD_REQUEST',
        `The card names the parent ${shortDigest(card.parent)}, which nobody pushed here.`,
        {
          parent: card.parent,
        },
      );
  }
}

function summaryOf(entry: ModelEntry, archived: boolean): ModelsReply['models'][number] {
  const listed = newestFirst(entry.versions.values()).filter((one) => archived || one.state === 'live');
  return {
    model: entry.model,
    aliases: Object.fromEntries(entry.aliases),
    versions: listed.map(withoutBundle),
  };
}

/** Bundles are for machines that verify; in a list they would be most of the bytes. */
function withoutBundle(version: VersionRecord): Omit<VersionRecord, 'bundle'> {
  const { bundle, ...listed } = version;
  void bundle;
  return listed;
}

function checkAlias(entry: ModelEntry, alias: string, version: VersionRecord): void {
  if (version.state === 'archived')
    throw failure('BAD_REQUEST', `The version "${version.label}" is archived: an alias names a live one.`);
  // A label always wins over an alias, so this one would never be heard.
  if (byLabel(entry, alias))
    throw failure('BAD_REQUEST', `"${alias}" is a label of "${entry.model}": choose another alias.`, {
      alias,
    });
}

function usingEndpoint(endpoints: Iterable<EndpointRecord>, digest: Digest): string | undefined {
  for (const { name, variants } of endpoints)
    if (variants.some(({ version }) => version === digest)) return name;
  return undefined;
}
