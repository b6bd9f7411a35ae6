// A publisher, two approvers and a policy that names them: a test says what matters to it.
import { createHash } from 'node:crypto';
import type { Approval } from '../../../contracts/approval.js';
import type { Envelope } from '../../../contracts/manifest.js';
import type { TrustPolicy } from '../../../contracts/trust-policy.js';
import { signApproval } from '../trust/approval.js';
import type { Gated } from '../trust/gate.js';
import { rootOf, signManifest } from '../trust/manifest.js';
import { type KeyPair, newKeyPair, privateKeyOf } from '../trust/signing-key.js';

export const TRUST_NOW_MS = Date.parse('2026-06-01T00:00:00Z');

export const people = {
  ann: newKeyPair('publisher'),
  bob: newKeyPair('approver'),
  cid: newKeyPair('approver', 'P-384'),
};

export const keyTerm = (person: string, pair: KeyPair) => ({
  fingerprint: pair.fingerprint,
  publicKeyPem: pair.publicKeyPem,
  person,
  models: ['*'],
  notBefore: '2026-01-01T00:00:00Z',
  notAfter: '2027-01-01T00:00:00Z',
});

/** `needed` approvals of two possible approvers. */
export function trustPolicy(needed = 0, more: Partial<TrustPolicy> = {}): TrustPolicy {
  return {
    version: 3,
    publishers: [keyTerm('ann', people.ann)],
    approvers: [keyTerm('bob', people.bob), keyTerm('cid', people.cid)],
    ...(needed > 0 && { approvals: [{ models: ['*'], needed }] }),
    ...more,
  };
}

const sha = (text: string) => createHash('sha256').update(text).digest('hex');

/** Signed by ann. */
export function gated(model = 'ocr', approvals: readonly Envelope[] = []): Gated {
  const resources = [{ name: 'model.onnx', digest: sha(model), bytes: model.length }];
  const { bundle } = signManifest(model, resources, privateKeyOf(people.ann.privateKeyPem));
  return { model, digest: rootOf(resources), bundle, resources, approvals };
}

let last = 0;

export function approval(
  of: Pick<Gated, 'model' | 'digest'>,
  by: KeyPair,
  more: Partial<Approval> = {},
): Envelope {
  return signApproval(
    {
      model: of.model,
      version: of.digest,
      policyVersion: 3,
      nonce: `nonce-of-an-approval-${++last}`,
      reason: 'looked at it',
      issuedAt: '2026-05-01T00:00:00Z',
      expiresAt: '2026-07-01T00:00:00Z',
      ...more,
    },
    privateKeyOf(by.privateKeyPem),
  );
}
