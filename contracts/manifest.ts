// The signed manifest of a version: an in-toto statement in a DSSE envelope in a Sigstore bundle, as OpenSSF Model Signing v1.0
// (method `key`) lays it out. Schemas only; signing and checking are in services/mesh.
import { z } from 'zod';
import { Digest } from './names.js';

export const BUNDLE_MEDIA_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
export const PAYLOAD_TYPE = 'application/vnd.in-toto+json';
export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
export const PREDICATE_TYPE = 'https://model_signing/signature/v1.0';

export const Envelope = z.strictObject({
  payload: z.base64(),
  payloadType: z.string(),
  signatures: z
    .array(z.strictObject({ sig: z.base64(), keyid: z.string().optional() }))
    .min(1)
    .max(1),
});
export type Envelope = z.infer<typeof Envelope>;

export const Bundle = z.strictObject({
  mediaType: z.literal(BUNDLE_MEDIA_TYPE),
  verificationMaterial: z.strictObject({
    publicKey: z.strictObject({ hint: z.string().max(128) }),
    tlogEntries: z.array(z.never()).max(0).optional(),
  }),
  dsseEnvelope: Envelope,
});
export type Bundle = z.infer<typeof Bundle>;

export const Statement = z.strictObject({
  _type: z.literal(STATEMENT_TYPE),
  subject: z
    .array(z.strictObject({ name: z.string(), digest: z.strictObject({ sha256: Digest }) }))
    .length(1),
  predicateType: z.literal(PREDICATE_TYPE),
  predicate: z.strictObject({
    resources: z.array(z.object({ name: z.string(), digest: Digest, algorithm: z.literal('sha256') })).min(1),
    serialization: z.strictObject({
      method: z.literal('files'),
      hash_type: z.literal('sha256'),
      allow_symlinks: z.boolean(),
      ignore_paths: z.array(z.string()).optional(),
    }),
  }),
});
export type Statement = z.infer<typeof Statement>;

/** Names of the resources we know; everything else in a manifest is external data of the graph, by its location. */
export const RESOURCES = {
  model: 'model.onnx',
  card: 'card.json',
  labels: 'labels.txt',
  selftest: 'selftest.json',
} as const;

const KNOWN: ReadonlySet<string> = new Set(Object.values(RESOURCES));

/** Weights beside the graph. */
export const isExternal = (resource: string): boolean => !KNOWN.has(resource);
