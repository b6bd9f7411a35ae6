// Models, versions, aliases and endpoints: what the registry's verbs do. Every change is one decision on the newest state, written
// on the condition that this state still stands (bucket-log.ts); the rules themselves are in resolve, endpoint and lineage.
import { failure } from '../../contracts/errors.js';
import { keys } from '../../contracts/buckets.js';
import type { Digest } from '../../contracts/names.js';
import type {
  AliasRecord,
  AliasRequest,
  DeployReply,
  DeployRequest,
  EndpointQuery,
  EndpointRecord,
  EndpointsReply,
  EndpointsRequest,
  LineageReply,
  ModelsReply,
  ModelsRequest,
  ShowReply,
  VersionQuery,
  VersionRecord,
} from '../../contracts/registry.js';
import type { ScaleRequest } from '../../contracts/scaling.js';
import type { Clock } from '../mesh/clock.js';
import type { Random } from '../mesh/random.js';
import type { BucketLog } from '../mesh/bucket-log.js';
import type { CatalogState } from './catalog-state.js';
import { bytesPerRequest } from '../mesh/placement/bytes-per-request.js';
import { replicaMemory } from '../mesh/placement/replica-memory.js';
import { checkPlacement } from './check-placement.js';
import { checkTraffic } from './check-traffic.js';
import { decideEndpoint } from './endpoint.js';
import { lineageOf } from './lineage.js';
import { pageOf } from './page.js';
import { checkDependents, checkUnused } from './pipeline-users.js';
import type { Wanting } from './placer.js';
import type { CourseInputs } from './release/course-arms.js';
import { byLabel, type ModelEntry, newestFirst, resolveVersion } from './resolve.js';

interface Aliases {
  stable?: Digest;
  previous?: Digest;
}

export interface CatalogParts {
  readonly log: BucketLog;
  readonly state: CatalogState;
  readonly clock: Clock;
  readonly random: Random;
  /** Of the mesh: what is to lie elsewhere is refused. */
  readonly regions?: readonly string[];
  /** Throws UNSIGNED for a version that may not run in one of these regions. */
  readonly gate?: (version: VersionRecord, regions: readonly string[] | undefined) => void;
}

export class Catalog {
  constructor(private readonly parts: CatalogParts) {}

  /** Newest first, models by name, in pages. */
  async models({ model, archived, after }: ModelsRequest): Promise<ModelsReply> {
    await this.parts.log.refresh();
    const { state } = this.parts;
    const entries = model === undefined ? state.models.values() : [state.model(model)];
    const shown = (entry: ModelEntry) => {
      const summary = summaryOf(entry, archived);
      return summary.versions.length > 0 ? summary : undefined;
    };
    const { items, next } = pageOf(entries, (entry) => entry.model, shown, after);
    return { models: [...items], ...(next !== undefined && { next }) };
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

  /** By name, in pages. */
  async endpoints({ after }: EndpointsRequest = {}): Promise<EndpointsReply> {
    await this.parts.log.refresh();
    const all = this.parts.state.endpoints.values();
    const { items, next } = pageOf(
      all,
      ({ name }) => name,
      (one) => one,
      after,
    );
    return { endpoints: [...items], ...(next !== undefined && { next }) };
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

  /** At once: for a new endpoint, or where no version comes or goes. Others come by a release (release/releases.ts). */
  deploy(request: DeployRequest): Promise<DeployReply> {
    return this.parts.log.transact(() => {
      const endpoint = this.decided(request);
      return { change: { key: keys.endpoint(endpoint.name), value: endpoint }, result: { endpoint } };
    });
  }

  /** What the endpoint would become. */
  async decide(request: DeployRequest): Promise<EndpointRecord> {
    await this.parts.log.refresh();
    return this.decided(request);
  }

  /** All of the request but its versions and shares. */
  settings(request: DeployRequest): Promise<void> {
    return this.parts.log.transact(() => {
      const current = this.parts.state.endpoints.get(request.endpoint);
      if (!current) return { result: undefined };
      const { variants, epoch, table, release } = current;
      const { epoch: _epoch, table: _table, ...settings } = this.decided(request);
      const value: EndpointRecord = {
        ...settings,
        variants,
        ...(epoch !== undefined && { epoch }),
        ...(table && { table }),
        ...(release && { release }),
      };
      checkTraffic(value, this.parts.state.endpoints.values());
      return { change: { key: keys.endpoint(value.name), value }, result: undefined };
    });
  }

  async endpoint(name: string): Promise<EndpointRecord | undefined> {
    await this.parts.log.refresh();
    return this.parts.state.endpoints.get(name);
  }

  /** What the course of a release follows from, beside its spec. */
  async releaseInputs(name: string): Promise<Omit<CourseInputs, 'regions'> & { aliases: Aliases }> {
    await this.parts.log.refresh();
    const endpoint = this.parts.state.endpoints.get(name);
    if (!endpoint) throw failure('ENDPOINT_UNKNOWN', `There is no endpoint "${name}".`, { endpoint: name });
    const entry = this.parts.state.model(endpoint.model);
    const [stable, previous] = [entry.aliases.get('stable'), entry.aliases.get('previous')];
    return {
      endpoint,
      resolve: (word) => resolveVersion(entry, word === 'latest' ? newestOf(entry)?.digest : word),
      newest: usableOf(entry),
      aliases: { ...(stable && { stable }), ...(previous && { previous }) },
    };
  }

  /** Versions that come to an endpoint; those that it serves already are the shards' own affair. */
  checkGate(endpoint: EndpointRecord, coming: Iterable<{ readonly version: Digest }>): void {
    const { state, gate } = this.parts;
    const here = new Set(state.endpoints.get(endpoint.name)?.variants.map(({ version }) => version));
    for (const { version } of coming) {
      const record = state.version(version);
      if (record && !here.has(version)) gate?.(record, endpoint.placement?.regions);
    }
  }

  private decided(request: DeployRequest): EndpointRecord {
    const { state, clock, random } = this.parts;
    const entry = state.model(request.model);
    const endpoint = decideEndpoint(request, {
      current: state.endpoints.get(request.endpoint),
      resolve: (version) => resolveVersion(entry, version),
      nowMs: clock.now(),
      others: state.endpoints.values(),
      freshSalt: Math.floor(random() * 2 ** 48).toString(36),
    });
    checkPlacement(endpoint, this.parts.regions);
    checkDependents(endpoint, state);
    this.checkGate(endpoint, endpoint.variants);
    return endpoint;
  }

  /** How the endpoint is scaled; nothing else of it changes. */
  scale({ endpoint: name, scaling }: ScaleRequest): Promise<DeployReply> {
    return this.parts.log.transact(() => {
      const current = this.parts.state.endpoints.get(name);
      if (!current) throw failure('ENDPOINT_UNKNOWN', `There is no endpoint "${name}".`, { endpoint: name });
      const { scaling: _before, ...rest } = current;
      const endpoint: EndpointRecord = { ...rest, ...(scaling && { scaling }) };
      return { change: { key: keys.endpoint(name), value: endpoint }, result: { endpoint } };
    });
  }

  undeploy({ endpoint: name }: EndpointQuery): Promise<DeployReply> {
    return this.parts.log.transact(() => {
      const endpoint = this.parts.state.endpoints.get(name);
      if (!endpoint) throw failure('ENDPOINT_UNKNOWN', `There is no endpoint "${name}".`, { endpoint: name });
      checkUnused(name, this.parts.state);
      return { change: { key: keys.endpoint(name), value: undefined }, result: { endpoint } };
    });
  }

  /**
   * What the placer places, and how large it is. `woken`: endpoints that the autoscaler wants awake, as of when they are read.
   * `anew`: with what others wrote until now.
   */
  async wanting(woken: () => Iterable<string>, anew: boolean): Promise<Wanting> {
    if (anew) await this.parts.log.refresh();
    const { state } = this.parts;
    const memoryOf = (digest: Digest) => {
      const version = state.version(digest);
      return version && replicaMemory(version.resources);
    };
    const bytesOf = (digest: Digest) => {
      const version = state.version(digest);
      return version ? bytesPerRequest(version) : 0;
    };
    const endpoints = (): EndpointRecord[] => {
      const all = [...state.placed.values()];
      for (const name of woken()) {
        const sleeper = state.sleepers.get(name);
        if (sleeper) all.push(sleeper);
      }
      return all;
    };
    return { endpoints, memoryOf, bytesOf, revision: state.placing };
  }
}

const usableOf = (entry: ModelEntry): VersionRecord[] =>
  newestFirst(entry.versions.values()).filter(({ state }) => state !== 'archived');
const newestOf = (entry: ModelEntry): VersionRecord | undefined => usableOf(entry)[0];

function summaryOf(entry: ModelEntry, archived: boolean): ModelsReply['models'][number] {
  const listed = newestFirst(entry.versions.values()).filter((one) => archived || one.state !== 'archived');
  return {
    model: entry.model,
    aliases: Object.fromEntries(entry.aliases),
    versions: listed.map(listedOf),
  };
}

/** Bundles are for machines that verify, and moves have a verb of their own; in a list they would be most of the bytes. */
function listedOf(version: VersionRecord): ModelsReply['models'][number]['versions'][number] {
  const { bundle, moves, approvals, findings, ...listed } = version;
  void [bundle, moves, approvals, findings];
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
