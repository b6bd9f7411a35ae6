// Triton's model configuration of an endpoint, from what the mesh knows. Pure. As there, `max_batch_size` above 0 means that every
// tensor has one more dimension, the first, than its `dims` say; 0 means that `dims` are the whole shape.
import { RESOURCES } from '../../contracts/manifest.js';
import type { EndpointRecord, VersionRecord } from '../../contracts/registry.js';
import type { Datatype, TensorSpec } from '../../contracts/tensor-spec.js';

interface ConfigTensor {
  name: string;
  data_type: string;
  dims: number[];
  label_filename?: string;
}

export interface ModelConfig {
  name: string;
  platform: string;
  backend: string;
  version_policy: { all: Record<string, never> };
  max_batch_size: number;
  input: ConfigTensor[];
  output: ConfigTensor[];
  dynamic_batching?: Record<string, never>;
  instance_group: { name: string; kind: 'KIND_AUTO'; count: number }[];
  default_model_filename: string;
  parameters: Record<string, { string_value: string }>;
  model_transaction_policy: { decoupled: boolean };
}

/** `batchMax`: the largest batch that a replica found to pay. */
export function modelConfig(
  endpoint: EndpointRecord,
  version: Omit<VersionRecord, 'bundle'>,
  batchMax: number,
): ModelConfig {
  const { inputs, outputs, card } = version;
  const batches = inputs.length > 0 && [...inputs, ...outputs].every(({ shape }) => shape[0] === -1);
  const labels = version.resources.some(({ name }) => name === RESOURCES.labels);
  const tensor = ({ name, datatype, shape }: TensorSpec): ConfigTensor => ({
    name,
    data_type: configDatatype(datatype),
    dims: batches ? shape.slice(1) : [...shape],
  });
  return {
    name: endpoint.name,
    platform: 'onnxruntime_onnx',
    backend: 'onnxruntime',
    // Which versions answer is decided by the endpoint's weights; labels need not be numbers.
    version_policy: { all: {} },
    max_batch_size: batches ? Math.max(1, batchMax) : 0,
    input: inputs.map(tensor),
    output: outputs.map((output) => ({
      ...tensor(output),
      ...(labels ? { label_filename: RESOURCES.labels } : {}),
    })),
    ...(batches ? { dynamic_batching: {} } : {}),
    instance_group: [{ name: endpoint.name, kind: 'KIND_AUTO', count: endpoint.replicasPerRegion }],
    default_model_filename: RESOURCES.model,
    parameters: Object.fromEntries(
      Object.entries({
        model: version.model,
        version: version.label,
        digest: version.digest,
        timeout_ms: String(endpoint.timeoutMs),
        licence: card.licence,
      }).map(([key, value]) => [key, { string_value: value }]),
    ),
    model_transaction_policy: { decoupled: false },
  };
}

export const configDatatype = (datatype: Datatype): string =>
  `TYPE_${datatype === 'BYTES' ? 'STRING' : datatype}`;
