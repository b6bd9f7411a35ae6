// The TypeScript client of Massif: everything an application may import, and nothing else.
//
//   const massif = await connect({ nats: ['nats://127.0.0.1:4222'] });
//   const { outputs } = await massif.infer('mlp', { x: { data: new Float32Array(784), shape: [1, 784] } });
export type { InputTensor, Inputs, Outputs } from './call.js';
export { type EndpointMetadata, type InferOptions, type InferResult, MassifClient } from './client.js';
export { connect, type ConnectOptions } from './connect.js';
export type { PushFile, PushOptions } from './push.js';
export type { Registry } from './registry.js';
export type { Releases } from './releases.js';
export type { SequenceOfCalls, SequenceOptions } from './sequence.js';
export type { Explanation } from '../contracts/explain.js';
export { type ErrorCode, Failure } from '../contracts/errors.js';
export type { EndpointRecord, VersionRecord } from '../contracts/registry.js';
export type { Tensor, TensorData } from '../contracts/tensor.js';
export type { Datatype, TensorSpec } from '../contracts/tensor-spec.js';
