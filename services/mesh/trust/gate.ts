// The gate that every version passes before it runs: signed by a publisher of the trust policy, whole, not revoked, approved by as
// many persons as the policy asks for, and all of it there and now. Registry, gateway, shard host and engine each ask for
// themselves; only the engine's word, on the bytes that it loads, counts in the end.
import { failure, toFailure } from '../../../contracts/errors.js';
import type { Envelope } from '../../../contracts/manifest.js';
import { shortDigest } from '../../../contracts/names.js';
import type { VersionRecord } from '../../../contracts/registry.js';
import type { TrustPolicy } from '../../../contracts/trust-policy.js';
import { approvalsNeeded, approvedBy } from './approval.js';
import { checkResources, type VerifiedManifest, verifyManifest } from './manifest.js';

export type Gated = Pick<VersionRecord, 'model' | 'digest' | 'bundle' | 'resources'> & {
  readonly approvals?: readonly Envelope[] | undefined;
};

export interface Passage {
  readonly nowMs: number;
  /** Where it is to run; without one the question is whether it may run anywhere. */
  readonly region?: string | undefined;
}

export interface Passed extends VerifiedManifest {
  readonly approvers: readonly string[];
}

/** Throws UNSIGNED with the first thing that is wrong. Tells nothing of the files' contents: whoever has them hashes them. */
export function passGate(version: Gated, policy: TrustPolicy, passage: Passage): Passed {
  const use = { ...passage, model: version.model };
  const manifest = verifyManifest(version.bundle, policy, use);
  if (manifest.root !== version.digest)
    throw failure('UNSIGNED', `The signed manifest is that of another version, ${manifest.root}.`);
  checkResources(manifest, version.resources);
  refuseRevoked(version, policy);
  const needed = approvalsNeeded(policy, version.model);
  const of = { version: manifest.root, publisher: manifest.publisher.person };
  const { persons, passedOver } = approvedBy(version.approvals ?? [], of, policy, use);
  if (persons.length < needed)
    throw failure(
      'UNSIGNED',
      `Version ${shortDigest(version.digest)} of ${version.model} needs ${needed} approval(s) and has ${persons.length}` +
        `${persons.length > 0 ? ` (${persons.join(', ')})` : ''}: massif approve.${passedOver.length > 0 ? ` Not counted: ${passedOver.join(' ')}` : ''}`,
      { needed, approvers: persons, policy: policy.version },
    );
  return { ...manifest, approvers: persons };
}

/**
 * Of a version that runs already: why it must stop now, if it must. A term that ended, or approvals that are asked for since, forbid
 * new loads only, so terms are judged as of when it was loaded; a key or a version that was revoked stops at once.
 */
export function mustStop(
  version: Gated,
  policy: TrustPolicy,
  { loadedAtMs, nowMs, region }: Required<Passage> & { readonly loadedAtMs: number },
): string | undefined {
  const revokedByNow = <K extends { readonly revokedAt?: string | undefined }>(key: K): K =>
    key.revokedAt !== undefined && Date.parse(key.revokedAt) <= nowMs ? { ...key, revokedAt: LONG_AGO } : key;
  const publishers = policy.publishers.map(revokedByNow);
  try {
    passGate(version, { ...policy, publishers, approvals: [] }, { nowMs: loadedAtMs, region });
    return undefined;
  } catch (error) {
    return toFailure(error).message;
  }
}

const LONG_AGO = '1970-01-01T00:00:00Z';

/** Revoked versions stay away even where their publisher is trusted again. */
export function refuseRevoked(version: Pick<Gated, 'digest' | 'model'>, policy: TrustPolicy): void {
  const revoked = policy.revokedVersions?.find((one) => one.version === version.digest);
  if (revoked)
    throw failure(
      'UNSIGNED',
      `Trust policy ${policy.version} revokes version ${shortDigest(version.digest)} of ${version.model}: ${revoked.reason}`,
      { version: version.digest, policy: policy.version },
    );
}
