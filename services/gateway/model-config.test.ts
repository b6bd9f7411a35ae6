import { expect, test } from 'vitest';
import { Card, type EndpointRecord, type VersionRecord } from '../../contracts/registry.js';
import { Datatype, type TensorSpec } from '../../contracts/tensor-spec.js';
import { DataType } from './grpc/proto/model_config_pb.js';
import { configDatatype, modelConfig } from './model-config.js';

const endpoint: EndpointRecord = {
  name: 'digits',
  model: 'mlp',
  variants: [{ version: 'a'.repeat(64), label: '1.0', weight: 10_000 }],
  salt: 's',
  assignment: 'request',
  replicasPerRegion: 2,
  timeoutMs: 1_000,
  updatedAt: '2026-01-01T00:00:00Z',
};
const spec = (name: string, shape: number[], datatype: Datatype = 'FP32'): TensorSpec => ({
  name,
  datatype,
  shape,
  dims: shape.map(() => ''),
});
const version = (
  inputs: TensorSpec[],
  outputs: TensorSpec[],
  labels = false,
): Omit<VersionRecord, 'bundle'> => ({
  digest: 'a'.repeat(64),
  model: 'mlp',
  label: '1.0',
  state: 'live',
  moves: [],
  createdAt: '2026-01-01T00:00:00Z',
  signer: { fingerprint: 'f', person: 'ann' },
  resources: [{ name: labels ? 'labels.txt' : 'model.onnx', digest: 'b'.repeat(64), bytes: 1 }],
  inputs,
  outputs,
  opset: 17,
  irVersion: 8,
  parameterCount: 1,
  bytes: 1,
  card: Card.parse({}),
});

test('a model whose tensors all begin with a free dimension batches, and its dims are without it', () => {
  const config = modelConfig(
    endpoint,
    version([spec('x', [-1, 784])], [spec('y', [-1, 10], 'BYTES')], true),
    32,
  );
  expect(config).toMatchObject({
    name: 'digits',
    max_batch_size: 32,
    input: [{ name: 'x', data_type: 'TYPE_FP32', dims: [784] }],
    output: [{ name: 'y', data_type: 'TYPE_STRING', dims: [10], label_filename: 'labels.txt' }],
    dynamic_batching: {},
    instance_group: [{ count: 2 }],
    parameters: { version: { string_value: '1.0' } },
  });
});

test('any other has its whole shape in its dims and no batch', () => {
  const config = modelConfig(endpoint, version([spec('x', [-1, 4]), spec('sr', [])], [spec('y', [-1])]), 32);
  expect(config).toMatchObject({ max_batch_size: 0, input: [{ dims: [-1, 4] }, { dims: [] }] });
  expect(config.dynamic_batching).toBeUndefined();
  expect(config.output[0]?.label_filename).toBeUndefined();
});

test('every datatype of the protocol has its name in the configuration', () => {
  for (const datatype of Datatype.options)
    expect(DataType[configDatatype(datatype) as keyof typeof DataType]).toBeGreaterThan(0);
});
