// Plain records for the tests of the pure parts: everything has a value, and a test names only what matters to it.
import { createHash } from 'node:crypto';
import type { SubmissionRecord } from '../../../contracts/lifecycle.js';
import { BUNDLE_MEDIA_TYPE } from '../../../contracts/manifest.js';
import type { Digest } from '../../../contracts/names.js';
import { Card, type EndpointRecord, type VersionRecord } from '../../../contracts/registry.js';
import type { Heartbeat } from '../../../contracts/heartbeat.js';

export const digestOf = (bytes: string | Uint8Array): Digest =>
  createHash('sha256').update(bytes).digest('hex');

export const aSubmission = ({ model, digest, label }: VersionRecord): SubmissionRecord => ({
  model,
  digest,
  label,
  by: 'ada',
  at: '2025-01-01T00:00:00.000Z',
});

export function aVersion(
  given: Partial<Omit<VersionRecord, 'card'>> & { label: string; card?: Partial<Card> },
): VersionRecord {
  const model = given.model ?? 'ocr';
  return {
    digest: digestOf(`${model} ${given.label}`),
    model,
    state: 'live',
    moves: [],
    createdAt: '2025-01-01T00:00:00.000Z',
    signer: { fingerprint: digestOf('a key'), person: 'ada' },
    resources: [{ name: 'model.onnx', digest: digestOf(given.label), bytes: 1_000 }],
    inputs: [],
    outputs: [],
    opset: 17,
    irVersion: 8,
    parameterCount: 0,
    bytes: 1_000,
    bundle: {
      mediaType: BUNDLE_MEDIA_TYPE,
      verificationMaterial: { publicKey: { hint: '' } },
      dsseEnvelope: { payload: '', payloadType: '', signatures: [{ sig: '' }] },
    },
    ...given,
    card: Card.parse(given.card ?? {}),
  };
}

/** `anEndpoint('ocr', { v1: 9_000, v2: 1_000 }, 2)`: versions by label, as aVersion makes their digests. */
export function anEndpoint(
  name: string,
  weights: Record<string, number>,
  replicasPerRegion = 1,
): EndpointRecord {
  return {
    name,
    model: name,
    variants: Object.entries(weights).map(([label, weight]) => ({
      version: digestOf(`${name} ${label}`),
      label,
      weight,
    })),
    salt: 'salt',
    assignment: 'request',
    replicasPerRegion,
    timeoutMs: 10_000,
    updatedAt: '2025-01-01T00:00:00.000Z',
  };
}

export function aHeartbeat(shard: string, region: string, state: Heartbeat['state'] = 'ready'): Heartbeat {
  const device = { kind: 'cpu', cores: 1, memoryBytes: 4 * 2 ** 30 };
  return { shard, region, pid: 1, seq: 1, state, device, engines: [], replicas: [] };
}
