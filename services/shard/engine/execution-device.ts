// The device that an engine's sessions run on, and its refusal: a shard that was asked for a GPU never computes on processors in
// silence. Operators without a CUDA kernel may still run on the processor beside it, as onnxruntime decides node by node.
import type { InferenceSession } from 'onnxruntime-node';
import { deviceClassOf } from '../../../contracts/placement.js';
import { type Failure, failure } from '../../../contracts/errors.js';

/** `cpu` or `cuda:N`, best first. */
export function executionProviders(kind: string): InferenceSession.ExecutionProviderConfig[] {
  if (deviceClassOf(kind) === 'cpu') return ['cpu'];
  return [{ name: 'cuda', deviceId: Number(kind.slice('cuda:'.length)) }, 'cpu'];
}

/** The provider is not there, or its device is not: onnxruntime tells that from a bad model in its text alone. */
export const lacksDevice = (kind: string, reason: string): boolean =>
  deviceClassOf(kind) === 'cuda' &&
  /AppendExecutionProvider|backend not found|no available backend|cudaSetDevice|CUDA (driver|failure)/i.test(
    reason,
  );

export const deviceFailure = (kind: string, reason: string, cause?: unknown): Failure =>
  failure('DEVICE_UNAVAILABLE', `This shard is to run on ${kind}: ${reason}`, { device: kind }, cause);
