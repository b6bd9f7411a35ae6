// A signed version for tests of the shard: key, policy, record and bytes, made the way a publisher and the registry make them.
import { createHash } from 'node:crypto';
import { RESOURCES } from '../../../contracts/manifest.js';
import type { TrustPolicy } from '../../../contracts/trust-policy.js';
import { Card, type VersionRecord } from '../../../contracts/registry.js';
import { rootOf, signManifest } from '../../mesh/trust/manifest.js';
import { newKeyPair, privateKeyOf } from '../../mesh/trust/signing-key.js';
import { scan } from '../../onnx/scan.js';

const publisher = newKeyPair('publisher');

/** Trusts the one key that `signedVersion` signs with. */
export const policy: TrustPolicy = {
  version: 1,
  publishers: [
    {
      fingerprint: publisher.fingerprint,
      publicKeyPem: publisher.publicKeyPem,
      person: 'a tester',
      models: ['*'],
      notBefore: '2020-01-01T00:00:00Z',
      notAfter: '2099-01-01T00:00:00Z',
    },
  ],
};

export interface SignedVersion {
  readonly record: VersionRecord;
  /** By digest. */
  readonly resources: ReadonlyMap<string, Uint8Array>;
}

export interface VersionParts {
  readonly model?: string;
  readonly label?: string;
  readonly card?: Partial<Card>;
  readonly selftest?: unknown;
  /** One a line. */
  readonly labels?: string;
  readonly external?: Readonly<Record<string, Uint8Array>>;
  /** Signs with a key that the policy does not know. */
  readonly strangerKey?: boolean;
}

export function signedVersion(onnx: Uint8Array, parts: VersionParts = {}): SignedVersion {
  const { model = 'tested', label = 'v1', external = {} } = parts;
  const card = Card.parse(parts.card ?? {});
  const files: Record<string, Uint8Array> = {
    [RESOURCES.model]: onnx,
    [RESOURCES.card]: Buffer.from(JSON.stringify(card)),
    ...external,
    ...(parts.labels === undefined ? {} : { [RESOURCES.labels]: Buffer.from(parts.labels) }),
    ...(parts.selftest === undefined
      ? {}
      : { [RESOURCES.selftest]: Buffer.from(JSON.stringify(parts.selftest)) }),
  };
  const resources = Object.entries(files).map(([name, bytes]) => ({
    name,
    digest: createHash('sha256').update(bytes).digest('hex'),
    bytes: bytes.length,
  }));
  const key = parts.strangerKey ? newKeyPair('publisher') : publisher;
  const { bundle } = signManifest(model, resources, privateKeyOf(key.privateKeyPem));
  const { signature, irVersion, parameterCount } = scan(onnx, Object.keys(external));
  const spec = ({ symbols, ...rest }: (typeof signature.inputs)[number]) => ({
    name: rest.name,
    datatype: rest.datatype,
    shape: [...rest.shape],
    dims: [...symbols],
  });
  const record: VersionRecord = {
    digest: rootOf(resources),
    model,
    label,
    state: 'live',
    moves: [],
    createdAt: '2026-01-01T00:00:00Z',
    signer: { fingerprint: publisher.fingerprint, person: 'a tester' },
    resources,
    inputs: signature.inputs.map(spec),
    outputs: signature.outputs.map(spec),
    opset: 17,
    irVersion,
    parameterCount,
    bytes: onnx.length,
    card,
    bundle,
  };
  return { record, resources: new Map(resources.map(({ name, digest }) => [digest, files[name] ?? onnx])) };
}
