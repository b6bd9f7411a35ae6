// Who may publish which models: a document signed by the trust root. Every place that admits a version keeps the newest policy it
// has seen and refuses an older one, so a stolen old policy brings no revoked key back.
import { Buffer } from 'node:buffer';
import type { KeyObject } from 'node:crypto';
import { failure } from '../../../contracts/errors.js';
import type { Envelope } from '../../../contracts/manifest.js';
import { TRUST_POLICY_TYPE, TrustPolicy } from '../../../contracts/trust-policy.js';
import { signEnvelope, verifyEnvelope } from './dsse.js';
import { fingerprintOf, publicKeyOf } from './signing-key.js';
import { strictJson } from '../strict-json.js';

export type Publisher = TrustPolicy['publishers'][number];

/** Where and when a key has to count; without a region it is asked whether it counts anywhere. */
export interface Use {
  readonly model: string;
  readonly nowMs: number;
  readonly region?: string | undefined;
}

const POLICY_BYTES_MAX = 1024 * 1024;

export function signPolicy(policy: TrustPolicy, rootKey: KeyObject): Envelope {
  return signEnvelope(TRUST_POLICY_TYPE, Buffer.from(JSON.stringify(TrustPolicy.parse(policy))), rootKey);
}

export function verifyPolicy(envelope: Envelope, rootKey: KeyObject): TrustPolicy {
  const body = verifyEnvelope(envelope, TRUST_POLICY_TYPE, rootKey);
  const parsed = TrustPolicy.safeParse(strictJson(body, 'The trust policy', { bytesMax: POLICY_BYTES_MAX }));
  if (!parsed.success)
    throw failure('UNSIGNED', 'The trust policy has not the agreed form.', {}, parsed.error);
  const { publishers, approvers = [], operators = [] } = parsed.data;
  for (const { publicKeyPem, fingerprint, person } of [...publishers, ...approvers, ...operators])
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

  /** `seen`: the highest version known from an earlier life of the process. */
  constructor(
    private readonly rootKey: KeyObject,
    private readonly seen = 0,
  ) {}

  /** True when it is newer than the one kept. A lower version is refused, an equal one changes nothing. */
  offer(envelope: Envelope): boolean {
    const offered = verifyPolicy(envelope, this.rootKey);
    const kept = Math.max(this.policy?.version ?? 0, this.seen);
    if (offered.version < kept)
      throw failure(
        'UNSIGNED',
        `Trust policy ${offered.version} is older than ${kept}, which was seen already.`,
      );
    if (offered.version === this.policy?.version) return false;
    this.policy = offered;
    return true;
  }

  current(): TrustPolicy {
    if (this.policy) return this.policy;
    throw failure('UNSIGNED', 'There is no trust policy yet, so nothing is trusted.');
  }
}

/** The publisher of this key, if the key counts at this moment, for this model and there. The sentence says which of these it is. */
export const publisherFor = (policy: TrustPolicy, fingerprint: string, use: Use): Publisher =>
  countingKey(policy.publishers, 'publisher', policy, fingerprint, use);

export const approverFor = (policy: TrustPolicy, fingerprint: string, use: Use): Publisher =>
  countingKey(policy.approvers ?? [], 'approver', policy, fingerprint, use);

function countingKey(
  known: readonly Publisher[],
  role: 'publisher' | 'approver',
  policy: TrustPolicy,
  fingerprint: string,
  { model, nowMs, region }: Use,
): Publisher {
  const holder = known.find((one) => one.fingerprint === fingerprint);
  const fields = { key: fingerprint, model, policy: policy.version };
  if (!holder)
    throw failure('UNSIGNED', `No ${role} of trust policy ${policy.version} has this key.`, fields);
  const { person, notBefore, notAfter, revokedAt, models, regions } = holder;
  const verb = role === 'publisher' ? 'publish' : 'approve';
  if (revokedAt !== undefined && nowMs >= Date.parse(revokedAt))
    throw failure('UNSIGNED', `The key of ${person} was revoked at ${revokedAt}.`, fields);
  if (nowMs < Date.parse(notBefore) || nowMs > Date.parse(notAfter))
    throw failure('UNSIGNED', `The key of ${person} counts from ${notBefore} to ${notAfter}.`, fields);
  if (!covers(models, model))
    throw failure('UNSIGNED', `${person} may ${verb} ${models.join(', ')}, not ${model}.`, fields);
  if (region !== undefined && regions !== undefined && !regions.includes(region))
    throw failure(
      'UNSIGNED',
      `What ${person} may ${verb} counts in ${regions.join(', ')}, not in ${region}.`,
      fields,
    );
  return holder;
}

/** Names, or beginnings of names that end in `*`. */
export const covers = (patterns: readonly string[], model: string): boolean =>
  patterns.some((pattern) =>
    pattern.endsWith('*') ? model.startsWith(pattern.slice(0, -1)) : pattern === model,
  );
