// Who may publish, approve and order: the payload of a DSSE envelope (Ed25519, signed by the trust root). Its version only ever
// grows. services/mesh/trust/trust-policy.ts signs and checks it; services/mesh/trust/gate.ts holds versions against it.
import { z } from 'zod';
import { Digest, RegionName } from './names.js';

export const TRUST_POLICY_TYPE = 'application/vnd.massif.trust-policy+json';

const KeyTerm = z.strictObject({
  /** Lowercase hex SHA-256 of the SPKI PEM text, final newline included. */
  fingerprint: z.string(),
  publicKeyPem: z.string(),
  person: z.string().min(1).max(300),
  notBefore: z.iso.datetime(),
  notAfter: z.iso.datetime(),
  revokedAt: z.iso.datetime().optional(),
});

const ScopedKey = KeyTerm.extend({
  /** Model names, or prefixes ending in `*`. */
  models: z.array(z.string()).min(1),
  /** Where their word counts; absent: everywhere. */
  regions: z.array(RegionName).min(1).max(64).optional(),
});

export const TrustPolicy = z.strictObject({
  version: z.int().min(1),
  /** ECDSA keys that sign versions. */
  publishers: z.array(ScopedKey),
  /** ECDSA keys that sign approvals (contracts/approval.ts). */
  approvers: z.array(ScopedKey).max(1_000).optional(),
  /** How many approvers, of whom none is the publisher, a version of such a model needs; the largest number that fits counts. */
  approvals: z
    .array(z.strictObject({ models: z.array(z.string()).min(1), needed: z.int().min(1).max(16) }))
    .max(1_000)
    .optional(),
  /** Versions that nobody may load again, whoever signed them. */
  revokedVersions: z
    .array(z.strictObject({ version: Digest, reason: z.string().min(1).max(500) }))
    .max(10_000)
    .optional(),
  /** A version with the weights of another model that it does not name as its parent is refused, or told of (when absent). */
  copies: z.enum(['report', 'refuse']).optional(),
  /** Who may give orders (contracts/override.ts), with Ed25519 keys. */
  operators: z.array(KeyTerm).max(1_000).optional(),
});
export type TrustPolicy = z.infer<typeof TrustPolicy>;

export const PolicyReply = z.object({ policy: TrustPolicy });
export type PolicyReply = z.infer<typeof PolicyReply>;
