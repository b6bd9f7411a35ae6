// A publisher for tests: has a key, a policy that trusts it, and puts files into the upload bucket as the command line does.
import { createHash } from 'node:crypto';
import { Objm } from '@nats-io/obj';
import { buckets } from '../../../contracts/buckets.js';
import { RESOURCES } from '../../../contracts/manifest.js';
import type { TrustPolicy } from '../../../contracts/trust-policy.js';
import { PushRequest } from '../../../contracts/registry.js';
import type { Bus } from '../../mesh/bus.js';
import { signManifest } from '../../mesh/trust/manifest.js';
import { newKeyPair, privateKeyOf } from '../../mesh/trust/signing-key.js';

export type Files = Readonly<Record<string, Uint8Array | string>>;

export interface PushOptions {
  readonly model?: string;
  readonly label?: string;
  readonly aliases?: string[];
}

export class Publisher {
  readonly key = newKeyPair('publisher');
  policyVersion = 1;
  revokedAt: string | undefined;
  /** Of the policy, beside the publisher. */
  more: Partial<TrustPolicy> = {};

  constructor(readonly models: string[] = ['*']) {}

  policy(): TrustPolicy {
    const { fingerprint, publicKeyPem } = this.key;
    return {
      ...this.more,
      version: this.policyVersion,
      publishers: [
        {
          fingerprint,
          publicKeyPem,
          person: 'ada',
          models: this.models,
          notBefore: '2020-01-01T00:00:00Z',
          notAfter: '2100-01-01T00:00:00Z',
          ...(this.revokedAt === undefined ? {} : { revokedAt: this.revokedAt }),
        },
      ],
    };
  }

  /** The request for a model's file, or for several files; nothing is uploaded yet. */
  sign(
    files: Uint8Array | Files,
    { model = 'ocr', label = 'v1', aliases = [] }: PushOptions = {},
  ): PushRequest {
    const resources = entries(files).map(([name, bytes]) => ({
      name,
      digest: createHash('sha256').update(bytes).digest('hex'),
      bytes: bytes.length,
    }));
    const { bundle } = signManifest(model, resources, privateKeyOf(this.key.privateKeyPem));
    return PushRequest.parse({ model, label, aliases, bundle, resources });
  }
}

/** Puts the files under the digests that the request names, whatever they are. */
export async function upload(bus: Bus, request: PushRequest, files: Uint8Array | Files): Promise<void> {
  const store = await new Objm(bus.nc).open(buckets.uploads(bus.region));
  const bytes = new Map(entries(files));
  for (const { name, digest } of request.resources)
    await store.putBlob({ name: digest }, bytes.get(name) ?? null);
}

function entries(files: Uint8Array | Files): [string, Uint8Array][] {
  const named = files instanceof Uint8Array ? { [RESOURCES.model]: files } : files;
  return Object.entries(named).map(([name, bytes]) => [
    name,
    typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes,
  ]);
}
