// The client that applications hold: typed arrays in, tensors out, over every region it knows of.
import { nuid } from '@nats-io/transport-node';
import { readBodyParameters } from '../contracts/body-parameters.js';
import { failure } from '../contracts/errors.js';
import { Explanation } from '../contracts/explain.js';
import { decodeInferResponse, encodeInferRequest } from '../contracts/infer-body.js';
import { type PipelineRecord, pipelineSignature } from '../contracts/pipeline.js';
import { FeedbackReply, type FeedbackRequest } from '../contracts/feedback.js';
import type { EndpointRecord, VersionRecord } from '../contracts/registry.js';
import { type ScalingQuery, ScalingReply } from '../contracts/scaling.js';
import { subjects } from '../contracts/subjects.js';
import type { TensorSpec } from '../contracts/tensor-spec.js';
import type { Inputs, Outputs } from './call.js';
import type { Caller } from './caller.js';
import { Catalog } from './catalog.js';
import type { Connections } from './connections.js';
import { inputTensors } from './input-tensors.js';
import { SequenceOfCalls, type SequenceOptions } from './sequence.js';
import { processes, type SeenProcess } from './processes.js';
import { Registry } from './registry.js';
import { Releases } from './releases.js';

export interface InferOptions {
  /** Opaque key of sticky routing: the same user gets the same version. */
  readonly user?: string;
  /** Whose call it is: rules of an endpoint may go by it. */
  readonly tenant?: string;
  /** Values that rules of an endpoint may go by; names in any case. */
  readonly headers?: Readonly<Record<string, string>>;
  /** A version by label or digest, past the weights. */
  readonly version?: string;
  /** For the whole call, retries included. The endpoint's own when absent. */
  readonly timeoutMs?: number;
  /** One per user request; logs and answers carry it, and what comes again under it is not run again. Made up when absent. */
  readonly requestId?: string;
  /** Names of the outputs that are wanted; all when absent. */
  readonly outputs?: readonly string[];
  /** The protocol's parameters, such as `sequence_id`. */
  readonly parameters?: Readonly<Record<string, string | number | boolean>>;
  readonly priority?: number;
  /** Run it, even where the endpoint keeps answers. */
  readonly uncached?: boolean;
  /** Rather NOT_READY at once than a wait for an endpoint that sleeps. */
  readonly failFast?: boolean;
  readonly signal?: AbortSignal;
}

export interface InferResult {
  readonly outputs: Outputs;
  readonly modelVersion: string;
  readonly replica: string;
  readonly attempts: number;
  readonly requestId: string;
  /** Which arm of a release or experiment gave it; goes back with feedback(). */
  readonly arm?: string;
  /** From endpoints that keep answers: whether it is one of those. */
  readonly cached: boolean | undefined;
}

export interface EndpointMetadata {
  readonly name: string;
  readonly versions: readonly string[];
  readonly platform: string;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

const FEEDBACK_TIMEOUT_MS = 3_000;
const SCALING_TIMEOUT_MS = 3_000;
const EXPLAIN_TIMEOUT_MS = 3_000;

export class MassifClient {
  readonly registry: Registry;
  readonly releases: Releases;
  private readonly catalog: Catalog;
  private closed = false;

  constructor(
    private readonly connections: Connections,
    private readonly caller: Caller,
  ) {
    this.registry = new Registry(connections);
    this.releases = new Releases(connections);
    this.catalog = new Catalog(connections);
  }

  async infer(endpoint: string, inputs: Inputs, options: InferOptions = {}): Promise<InferResult> {
    const { user, tenant, version, timeoutMs, priority, signal, outputs, parameters = {} } = options;
    if (this.closed) throw failure('UNAVAILABLE', 'This client was closed.');
    const said = readBodyParameters(parameters);
    const requestId = options.requestId ?? nuid.next();
    const body = encodeInferRequest({
      parameters,
      inputs: inputTensors(inputs),
      binaryOutput: true,
      ...(outputs && { outputs: outputs.map((name) => ({ name })) }),
    });
    const answer = await this.caller.infer(endpoint, body, {
      requestId,
      once: options.requestId !== undefined,
      uncached: options.uncached ?? false,
      failFast: options.failFast ?? false,
      user,
      tenant,
      headers: lowerCased(options.headers),
      version,
      timeoutMs: timeoutMs ?? said.timeoutMs,
      priority: priority ?? said.priority,
      sequence: said.sequence,
      signal,
    });
    const response = decodeInferResponse(answer.bytes, answer.jsonLength);
    return {
      outputs: Object.fromEntries(response.outputs.map((tensor) => [tensor.name, tensor])),
      modelVersion: response.modelVersion ?? '',
      replica: answer.replica,
      attempts: answer.attempts,
      requestId,
      ...(answer.arm !== undefined && { arm: answer.arm }),
      cached: answer.cached,
    };
  }

  /** A sequence of calls whose state the mesh keeps, at an endpoint that declares one. */
  sequence(endpoint: string, options: SequenceOptions = {}): SequenceOfCalls<InferResult> {
    return new SequenceOfCalls((inputs, more) => this.infer(endpoint, inputs, more), options);
  }

  /** A number of your own about an answer, or right and wrong: evidence for the release that is under way. */
  feedback(
    endpoint: string,
    { requestId, arm }: Pick<InferResult, 'requestId' | 'arm'>,
    { metric, value, user }: { metric: string; value: number | boolean; user?: string },
  ): Promise<FeedbackReply> {
    const said: FeedbackRequest = { endpoint, requestId, metric, value, arm, user };
    return this.connections.request(subjects.feedback(), FeedbackReply, said, FEEDBACK_TIMEOUT_MS);
  }

  /** How endpoints are scaled, and why: of one, or of all that are. */
  scaling(endpoint?: string): Promise<ScalingReply> {
    const query: ScalingQuery = { endpoint };
    return this.connections.request(subjects.scaling(), ScalingReply, query, SCALING_TIMEOUT_MS);
  }

  endpoints(): Promise<EndpointRecord[]> {
    return this.catalog.endpoints();
  }

  /** What the endpoint takes and gives, by the version that gets the most traffic. */
  async metadata(endpoint: string): Promise<EndpointMetadata> {
    const pipeline = await this.catalog.pipeline(endpoint);
    if (pipeline)
      return {
        name: endpoint,
        versions: [String(pipeline.revision)],
        platform: 'massif_pipeline',
        ...pipelineSignature(pipeline),
      };
    const record = await this.catalog.endpoint(endpoint);
    const [heaviest] = record.variants.toSorted((a, b) => b.weight - a.weight);
    if (!heaviest) throw failure('VERSION_UNKNOWN', `Endpoint ${endpoint} has no version.`);
    const { inputs, outputs } = await this.catalog.version(record.model, heaviest.version);
    const versions = record.variants.map(({ label }) => label);
    return { name: endpoint, versions, platform: 'onnx_onnxv1', inputs, outputs };
  }

  /** Whether a call could be answered now. */
  async ready(endpoint: string): Promise<boolean> {
    const pipeline = await this.catalog.pipeline(endpoint);
    if (pipeline) {
      const steps = await Promise.all(pipeline.steps.map((step) => this.ready(step.endpoint)));
      return steps.every(Boolean);
    }
    const { variants } = await this.catalog.endpoint(endpoint);
    const wanted = variants.filter(({ weight }) => weight > 0);
    const explained = await Promise.all(wanted.map(({ version }) => this.explain(endpoint, { version })));
    return explained.every(({ replica }) => replica !== undefined);
  }

  /** What the nearest router would do with such a call, and why. */
  explain(
    endpoint: string,
    { user, tenant, headers, version }: Pick<InferOptions, 'user' | 'tenant' | 'headers' | 'version'> = {},
  ): Promise<Explanation> {
    return this.connections.request(
      subjects.explain(endpoint),
      Explanation,
      { user, tenant, headers: lowerCased(headers), version },
      EXPLAIN_TIMEOUT_MS,
    );
  }

  /** The graph of models behind the name; undefined where it is a plain endpoint or nothing. */
  pipeline(name: string): Promise<PipelineRecord | undefined> {
    return this.catalog.pipeline(name);
  }

  processes(): Promise<SeenProcess[]> {
    return processes(this.connections);
  }

  /** A version by label or digest, and a file that belongs to it (such as `labels.txt`), checked against its digest. */
  version(model: string, version: string): Promise<VersionRecord> {
    return this.catalog.version(model, version);
  }

  file(version: VersionRecord, name: string): Promise<Uint8Array | undefined> {
    return this.catalog.file(version, name);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.caller.close();
    await this.connections.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const lowerCased = (headers: InferOptions['headers']): Record<string, string> | undefined =>
  headers && Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
