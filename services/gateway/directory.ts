// What the gateway knows of endpoints: who they are, what their versions take, whether they could be called now.
import { failure } from '../../contracts/errors.js';
import type { EndpointRecord } from '../../contracts/registry.js';
import { tierOf } from '../mesh/route.js';
import type { RouteView } from '../mesh/route-view.js';
import {
  endpointReady,
  type IndexEntry,
  type ModelMetadata,
  modelMetadata,
  type Replicas,
  repositoryIndex,
  variantNamed,
} from './metadata.js';
import type { VersionRecords } from './version-records.js';

export class Directory {
  constructor(
    private readonly view: RouteView,
    private readonly versions: VersionRecords,
  ) {}

  names(): string[] {
    return this.endpoints().map(({ name }) => name);
  }

  async metadata(name: string, version: string | undefined): Promise<ModelMetadata> {
    const endpoint = this.endpoint(name);
    const variant = variantNamed(endpoint, version);
    return modelMetadata(endpoint, await this.versions.get(endpoint.model, variant.version));
  }

  /** True, or the failure that says what is missing. */
  ready(name: string, version: string | undefined): boolean {
    return endpointReady(this.endpoint(name), this.replicas, version);
  }

  index(readyOnly: boolean): IndexEntry[] {
    return repositoryIndex(this.endpoints(), this.replicas, readyOnly);
  }

  private endpoints(): EndpointRecord[] {
    return this.view.allEndpoints().toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  private endpoint(name: string): EndpointRecord {
    const endpoint = this.view.endpoint(name);
    if (endpoint) return endpoint;
    throw failure('ENDPOINT_UNKNOWN', `There is no endpoint ${name.slice(0, 128)}.`);
  }

  private readonly replicas: Replicas = (version) => {
    const known = this.view.replicas(version);
    // Whatever the route would still ask counts as ready, also a replica of another region.
    const ready = known.filter((replica) => typeof tierOf(replica, this.view.region) === 'number');
    return { ready: ready.length, known: known.length };
  };
}
