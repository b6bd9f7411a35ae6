// What the protocol's metadata, readiness and index say of an endpoint: made from its record, the records of its versions and
// the replicas that the route would see. Pure; the controllers ask.
import { failure } from '../../contracts/errors.js';
import type { ModelMetadata } from '../../contracts/metadata.js';
import type { Digest } from '../../contracts/names.js';
import { type PipelineRecord, pipelineSignature } from '../../contracts/pipeline.js';
import type { EndpointRecord, Variant, VersionRecord } from '../../contracts/registry.js';
import { stateText } from '../../contracts/sequence-state.js';
import type { TensorSpec } from '../../contracts/tensor-spec.js';

/** Exactly what is implemented; loading and unloading only where an operator left it open. */
export const extensions = (modelControl: boolean): string[] => [
  'binary_tensor_data',
  'classification',
  'model_configuration',
  'parameters',
  ...(modelControl ? ['model_repository', 'model_repository(unload_dependents)'] : []),
  'schedule_policy',
  'sequence',
  'statistics',
];

/** How many replicas of a version there are, and how many could take a request now. */
export type Replicas = (version: Digest) => { readonly ready: number; readonly known: number };

/** The variant that a version in a path names, by label, digest or the digest's beginning; without one the weightiest. */
export function variantNamed(endpoint: EndpointRecord, version: string | undefined): Variant {
  const variants = endpoint.variants.toSorted((a, b) => b.weight - a.weight);
  const found =
    version === undefined
      ? variants[0]
      : (variants.find(({ label }) => label === version) ??
        variants.find(
          (variant) => version.length >= DIGEST_PREFIX_MIN && variant.version.startsWith(version),
        ));
  if (found) return found;
  const labels = variants.map(({ label }) => label).join(', ');
  throw failure('VERSION_UNKNOWN', `${endpoint.name} has no such version among its variants: ${labels}.`);
}

// As short as the digests that our own tools print.
const DIGEST_PREFIX_MIN = 12;

export function modelMetadata(
  endpoint: EndpointRecord,
  version: Omit<VersionRecord, 'bundle'>,
  labels?: string,
): ModelMetadata {
  return {
    name: endpoint.name,
    versions: endpoint.variants.map(({ label }) => label),
    platform: 'onnx_onnxv1',
    inputs: version.inputs.map(tensorMetadata),
    outputs: version.outputs.map(tensorMetadata),
    properties: {
      model: version.model,
      version: version.label,
      digest: version.digest,
      licence: version.card.licence,
      signer: version.signer.person,
      ...stateProperties(version),
      ...(labels === undefined ? {} : { labels }),
    },
  };
}

/** A graph of models: what its caller gives and gets, and the endpoints it stands on. */
export function pipelineMetadata(pipeline: PipelineRecord): ModelMetadata {
  const { inputs, outputs } = pipelineSignature(pipeline);
  return {
    name: pipeline.name,
    versions: [String(pipeline.revision)],
    platform: 'massif_pipeline',
    inputs: inputs.map(tensorMetadata),
    outputs: outputs.map(tensorMetadata),
    properties: {
      description: pipeline.description,
      steps: pipeline.steps.map(({ name, endpoint }) => `${name}=${endpoint}`).join(' '),
      ...(pipeline.stateful === true && { stateful: 'true' }),
    },
  };
}

/** Both ways of calling a stateful version are valid: with these inputs, or within a sequence and without them. */
const stateProperties = ({ card: { state } }: Pick<VersionRecord, 'card'>): Record<string, string> =>
  state === undefined ? {} : { stateful: 'true', sequence_state: stateText(state) };

const tensorMetadata = ({ name, datatype, shape }: TensorSpec) => ({ name, datatype, shape });

/** Ready when every variant that gets traffic could take a request: else some callers would be served and others not. */
export function endpointReady(endpoint: EndpointRecord, replicas: Replicas, version?: string): boolean {
  const asked =
    version === undefined
      ? endpoint.variants.filter(({ weight }) => weight > 0)
      : [variantNamed(endpoint, version)];
  return asked.every((variant) => replicas(variant.version).ready > 0);
}

export interface IndexEntry {
  name: string;
  version: string;
  state: 'READY' | 'LOADING' | 'UNAVAILABLE';
  reason: string;
}

/** One entry a variant; `readyOnly` as the request of the repository index has it. */
export function repositoryIndex(
  endpoints: readonly EndpointRecord[],
  replicas: Replicas,
  readyOnly: boolean,
): IndexEntry[] {
  return endpoints
    .flatMap((endpoint) =>
      endpoint.variants.map((variant) => indexEntry(endpoint, variant, replicas(variant.version))),
    )
    .filter(({ state }) => !readyOnly || state === 'READY');
}

/** A pipeline is ready when the endpoints of all its steps are. */
export function pipelineEntry(
  { name, revision }: Pick<PipelineRecord, 'name' | 'revision'>,
  ready: boolean,
): IndexEntry {
  const entry = { name, version: String(revision) };
  if (ready) return { ...entry, state: 'READY', reason: '' };
  return { ...entry, state: 'UNAVAILABLE', reason: 'the endpoint of a step is not ready' };
}

function indexEntry(endpoint: EndpointRecord, variant: Variant, replicas: ReturnType<Replicas>): IndexEntry {
  const entry = { name: endpoint.name, version: variant.label };
  if (replicas.ready > 0) return { ...entry, state: 'READY', reason: '' };
  if (replicas.known > 0) return { ...entry, state: 'LOADING', reason: 'no replica is ready yet' };
  return { ...entry, state: 'UNAVAILABLE', reason: 'no shard holds it' };
}
