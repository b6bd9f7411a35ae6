// Who may publish which models: a document signed by the trust root. Every place that admits a version keeps the newest policy it
// has seen and refuses an older one, so a stolen old policy brings no revoked key back.
import { Buffer } from 'node:buffer';
import type { KeyObject } from 'node:crypto';
import { failure } from '../../contracts/errors.js';
import { type Envelope, TRUST_POLICY_TYPE, TrustPolicy } from '../../contracts/manifest.js';
import { signEnvelope, verifyEnvelope } from './dsse.js';
import { fingerprintOf, publicKeyOf } from './signing-key.js';
import { strictJson } from './strict-json.js';

export type Publisher = TrustPolicy['publishers'][number];

const POLICY_BYTES_MAX = 1024 * 1024;

export function signPolicy(policy: TrustPolicy, rootKey: KeyObject): Envelope {
  return signEnvelope(TRUST_POLICY_TYPE, Buffer.from(JSON.stringify(TrustPolicy.parse(policy))), rootKey);
}

export function verifyPolicy(envelope: Envelope, rootKey: KeyObject): TrustPolicy {
  const body = verifyEnvelope(envelope, TRUST_POLICY_TYPE, rootKey);
  const parsed = TrustPolicy.safeParse(strictJson(body, 'The trust policy', { bytesMax: POLICY_BYTES_MAX }));
  if (!parsed.success)
    throw failure('UNSIGNED', 'The trust policy has not the agreed form.', {}, parsed.error);
  for (const { publicKeyPem, fingerprint, person } of parsed.data.publishers)
    if (fingerprintOf(publicKeyOf(publicKeyPem)) !== fingerprint)
      throw failure('UNSIGNED', `The trust policy gives ${person} a fingerprint that is not their key's.`);
  return parsed.data;
}

export interface PolicyReader {
  /** Throws UNSIGNED while no policy is known: nothing is admitted then. */
  current(): TrustPolicy;
}

/** The newest policy seen. Whoever admits versions owns one. */
export class PolicyKeeper implements PolicyReader {
  private policy: TrustPolicy | undefined;

  constructor(private readonly rootKey: KeyObject) {}

  /** True when it is newer than the one kept. A lower version is refused, an equal one changes nothing. */
  offer(envelope: Envelope): boolean {
    const offered = verifyPolicy(envelope, this.rootKey);
    const kept = this.policy?.version ?? 0;
    if (offered.version < kept)
      throw failure(
        'UNSIGNED',
        `Trust policy ${offered.version} is older than ${kept}, which was seen already.`,
      );
    if (offered.version === kept) return false;
    this.policy = offered;
    return true;
  }

  current(): TrustPolicy {
    if (this.policy) return this.policy;
    throw failure('UNSIGNED', 'There is no trust policy yet, so nothing is trusted.');
  }
}

/** The publisher of this key, if the key counts at this moment and for this model. The sentence says which of these it is. */
export function publisherFor(
  policy: TrustPolicy,
  fingerprint: string,
  model: string,
  nowMs: number,
): Publisher {
  const publisher = policy.publishers.find((known) => known.fingerprint === fingerprint);
  const fields = { key: fingerprint, model, policy: policy.version };
  if (!publisher)
    throw failure('UNSIGNED', `No publisher of trust policy ${policy.version} has this key.`, fields);
  const { person, notBefore, notAfter, revokedAt } = publisher;
  if (revokedAt !== undefined && nowMs >= Date.parse(revokedAt))
    throw failure('UNSIGNED', `The key of ${person} was revoked at ${revokedAt}.`, fields);
  if (nowMs < Date.parse(notBefore) || nowMs > Date.parse(notAfter))
    throw failure('UNSIGNED', `The key of ${person} counts from ${notBefore} to ${notAfter}.`, fields);
  if (!publisher.models.some((pattern) => covers(pattern, model)))
    throw failure('UNSIGNED', `${person} may publish ${publisher.models.join(', ')}, not ${model}.`, fields);
  return publisher;
}

const covers = (pattern: string, model: string): boolean =>
  pattern.endsWith('*') ? model.startsWith(pattern.slice(0, -1)) : pattern === model;
