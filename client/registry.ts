// The conversation with the registry: what model owners do. Reads that must go on without the registry are in catalog.ts.
import { z } from 'zod';
import {
  type PipelineRecord,
  PipelineReply,
  type PipelineSpec,
  PipelinesReply,
} from '../contracts/pipeline.js';
import { ApproveReply, type ApproveRequest } from '../contracts/approval.js';
import { LifeReply, type LifeRequest } from '../contracts/lifecycle.js';
import {
  type AliasRequest,
  type ArchiveRequest,
  DeployReply,
  type DeployRequest,
  EndpointsReply,
  LineageReply,
  ModelsReply,
  type PinRequest,
  PushReply,
  pushTimeoutMs,
  ShowReply,
  type VersionQuery,
  type VersionRecord,
} from '../contracts/registry.js';
import type { ScaleRequest } from '../contracts/scaling.js';
import { PolicyReply, type TrustPolicy } from '../contracts/trust-policy.js';
import { type RegistryVerb, subjects } from '../contracts/subjects.js';
import type { Connections } from './connections.js';
import { type PushFile, type PushOptions, signedPush, uploadMissing } from './push.js';

const TIMEOUT_MS = 10_000;

export class Registry {
  constructor(private readonly connections: Connections) {}

  /** Signs, uploads and publishes a version. The same files under the same label again change nothing. */
  async push(files: readonly PushFile[], options: PushOptions): Promise<PushReply> {
    const { request, sources } = await signedPush(files, options);
    await uploadMissing(this.connections, sources, options.onProgress);
    return this.ask('push', PushReply, request, pushTimeoutMs(request.resources));
  }

  async models(model?: string, archived = false): Promise<ModelsReply['models']> {
    const models: ModelsReply['models'] = [];
    for (let after: string | undefined, more = true; more; more = after !== undefined) {
      const page = await this.ask('models', ModelsReply, { model, archived, after });
      models.push(...page.models);
      after = page.next;
    }
    return models;
  }

  async show(query: VersionQuery): Promise<VersionRecord> {
    return (await this.ask('show', ShowReply, query)).version;
  }

  /** A second person's signature under a version; the reply says how many count and how many it takes. */
  approve(request: ApproveRequest): Promise<ApproveReply> {
    return this.ask('approve', ApproveReply, request);
  }

  /** The trust policy that the registry goes by. */
  async policy(): Promise<TrustPolicy> {
    return (await this.ask('policy', PolicyReply, {})).policy;
  }

  async alias(request: AliasRequest): Promise<void> {
    await this.ask('alias', z.unknown(), request);
  }

  /** Who wants it, and why, stand in its history. */
  async archive(request: z.input<typeof ArchiveRequest>): Promise<void> {
    await this.ask('archive', z.unknown(), request);
  }

  /** The moves of each version from the push that brought it; newest version first. */
  async history(request: LifeRequest): Promise<LifeReply['versions']> {
    return (await this.ask('history', LifeReply, request)).versions;
  }

  /** With other versions than before the reply names the release that brings them. */
  deploy(request: z.input<typeof DeployRequest>): Promise<DeployReply> {
    return this.ask('deploy', DeployReply, request);
  }

  async undeploy(endpoint: string): Promise<void> {
    await this.ask('undeploy', z.unknown(), { endpoint });
  }

  /** How an endpoint is scaled from now on; null leaves it to its fixed number of replicas again. */
  scale(request: z.input<typeof ScaleRequest>): Promise<DeployReply> {
    return this.ask('scale', DeployReply, request);
  }

  async endpoints(): Promise<EndpointsReply['endpoints']> {
    const endpoints: EndpointsReply['endpoints'] = [];
    for (let after: string | undefined, more = true; more; more = after !== undefined) {
      const page = await this.ask('endpoints', EndpointsReply, { after });
      endpoints.push(...page.endpoints);
      after = page.next;
    }
    return endpoints;
  }

  /** Declares a graph of endpoints as one; what does not fit is refused by the step's name. */
  async applyPipeline(spec: z.input<typeof PipelineSpec>): Promise<PipelineRecord> {
    return (await this.ask('pipeline', PipelineReply, spec)).pipeline;
  }

  async pipelines(): Promise<PipelineRecord[]> {
    return (await this.ask('pipelines', PipelinesReply, {})).pipelines;
  }

  async withdrawPipeline(pipeline: string): Promise<void> {
    await this.ask('withdraw', z.unknown(), { pipeline });
  }

  async lineage(query: VersionQuery): Promise<LineageReply['versions']> {
    return (await this.ask('lineage', LineageReply, query)).versions;
  }

  /** The user is answered by that shard as long as it can; null: by any. */
  pin(request: PinRequest): Promise<DeployReply> {
    return this.ask('pin', DeployReply, request);
  }

  private ask<T>(
    verb: RegistryVerb,
    schema: z.ZodType<T>,
    body: unknown,
    timeoutMs = TIMEOUT_MS,
  ): Promise<T> {
    return this.connections.request(subjects.registry(verb), schema, body, timeoutMs);
  }
}
