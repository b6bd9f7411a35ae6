// What the gateway knows of endpoints: who they are, what their versions take, whether they could be called now.
import { failure } from '../../contracts/errors.js';
import type { PipelineRecord } from '../../contracts/pipeline.js';
import type { ModelMetadata } from '../../contracts/metadata.js';
import type { EndpointRecord } from '../../contracts/registry.js';
import { tierOf } from '../mesh/routing/route.js';
import type { RouteView } from '../mesh/routing/route-view.js';
import {
  endpointReady,
  type IndexEntry,
  modelMetadata,
  pipelineEntry,
  pipelineMetadata,
  type Replicas,
  repositoryIndex,
  variantNamed,
} from './metadata.js';
import type { Labels } from './labels.js';
import { type ModelConfig, modelConfig } from './model-config.js';
import type { StatisticsCollector, StatisticsEntry } from './model-statistics.js';
import type { UnservedModels } from './unserved-models.js';
import type { VersionRecords } from './version-records.js';

export class Directory {
  constructor(
    private readonly view: RouteView,
    private readonly versions: VersionRecords,
    private readonly labels: Labels,
    private readonly counted: StatisticsCollector,
    private readonly unserved: UnservedModels,
  ) {}

  names(): string[] {
    return [...this.endpoints(), ...this.view.allPipelines()].map(({ name }) => name).toSorted();
  }

  async metadata(name: string, version: string | undefined): Promise<ModelMetadata> {
    const pipeline = this.pipeline(name, version);
    if (pipeline) return pipelineMetadata(pipeline);
    const endpoint = this.endpoint(name);
    const variant = variantNamed(endpoint, version);
    const record = await this.versions.get(endpoint.model, variant.version);
    // Without its labels it still serves who asks.
    return modelMetadata(endpoint, record, await this.labels.of(record).catch(() => undefined));
  }

  async config(name: string, version: string | undefined): Promise<ModelConfig> {
    const endpoint = this.endpoint(name);
    const variant = variantNamed(endpoint, version);
    const record = await this.versions.get(endpoint.model, variant.version);
    const batches = this.view.replicas(variant.version).map(({ batchMax }) => batchMax);
    return modelConfig(endpoint, record, Math.max(1, ...batches));
  }

  /** Of one endpoint, or of all. */
  statistics(
    name: string | undefined,
    version: string | undefined,
  ): Promise<{ model_stats: StatisticsEntry[] }> {
    return this.counted.of(name === undefined ? this.endpoints() : [this.endpoint(name)], version);
  }

  /** True, or the failure that says what is missing. */
  ready(name: string, version: string | undefined): boolean {
    const pipeline = this.pipeline(name, version);
    if (!pipeline) return endpointReady(this.endpoint(name), this.replicas, version);
    const endpoints = pipeline.steps.map((step) => this.view.endpoint(step.endpoint));
    return endpoints.every((endpoint) => endpoint !== undefined && endpointReady(endpoint, this.replicas));
  }

  async index(readyOnly: boolean): Promise<IndexEntry[]> {
    const pipelines = this.view
      .allPipelines()
      .map((pipeline) => pipelineEntry(pipeline, this.ready(pipeline.name, undefined)))
      .filter(({ state }) => !readyOnly || state === 'READY');
    const unserved = readyOnly ? [] : await this.unserved.index(new Set(this.names()));
    const entries = [
      ...repositoryIndex(this.endpoints(), this.replicas, readyOnly),
      ...pipelines,
      ...unserved,
    ];
    return entries.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  }

  private endpoints(): EndpointRecord[] {
    return this.view.allEndpoints().toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  private pipeline(name: string, version: string | undefined): PipelineRecord | undefined {
    const pipeline = this.view.pipeline(name);
    if (!pipeline || version === undefined || version === String(pipeline.revision)) return pipeline;
    throw failure('VERSION_UNKNOWN', `The pipeline ${name} is at revision ${pipeline.revision}.`);
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
