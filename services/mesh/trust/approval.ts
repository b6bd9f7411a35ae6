// Approvals: made by approvers, counted by everybody who admits a version. Persons count, not keys and not signatures, and the
// publisher's own word is none. gate.ts asks; the command line signs.
import { Buffer } from 'node:buffer';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { Approval, APPROVAL_TYPE } from '../../../contracts/approval.js';
import { failure, toFailure } from '../../../contracts/errors.js';
import type { Envelope } from '../../../contracts/manifest.js';
import type { Digest } from '../../../contracts/names.js';
import type { TrustPolicy } from '../../../contracts/trust-policy.js';
import { signEnvelope, verifyEnvelope } from './dsse.js';
import { fingerprintOf, publicKeyOf } from './signing-key.js';
import { strictJson } from '../strict-json.js';
import { approverFor, covers, type Publisher, type Use } from './trust-policy.js';

const APPROVAL_BYTES_MAX = 8 * 1024;

/** The key id is a hint at which approver's key to check with; it is believed by nobody. */
export function signApproval(approval: Approval, privateKey: KeyObject): Envelope {
  if (privateKey.asymmetricKeyType !== 'ec')
    throw failure('BAD_REQUEST', 'Approvals are signed with an ECDSA key, as versions are.');
  const body = Buffer.from(JSON.stringify(Approval.parse(approval)));
  const envelope = signEnvelope(APPROVAL_TYPE, body, privateKey);
  const keyid = fingerprintOf(createPublicKey(privateKey));
  return { ...envelope, signatures: envelope.signatures.map((signature) => ({ ...signature, keyid })) };
}

export interface Approved {
  readonly approval: Approval;
  readonly approver: Publisher;
}

/** Throws UNSIGNED with a sentence that says what is wrong with it. */
export function verifyApproval(envelope: Envelope, version: Digest, policy: TrustPolicy, use: Use): Approved {
  const approver = approverFor(policy, envelope.signatures[0]?.keyid ?? '', use);
  const body = verifyEnvelope(envelope, APPROVAL_TYPE, publicKeyOf(approver.publicKeyPem));
  const read = Approval.safeParse(strictJson(body, 'The approval', { bytesMax: APPROVAL_BYTES_MAX }));
  if (!read.success) throw failure('UNSIGNED', 'The approval has not the agreed form.', {}, read.error);
  const approval = read.data;
  if (approval.version !== version || approval.model !== use.model)
    throw failure('UNSIGNED', `The approval of ${approver.person} is for another version.`, {
      version: approval.version,
      model: approval.model,
    });
  if (use.nowMs >= Date.parse(approval.expiresAt))
    throw failure('UNSIGNED', `The approval of ${approver.person} ended at ${approval.expiresAt}.`);
  return { approval, approver };
}

/** The largest number that a rule of the policy asks of such a model; 0 without one. */
export function approvalsNeeded({ approvals = [] }: TrustPolicy, model: string): number {
  return Math.max(0, ...approvals.filter(({ models }) => covers(models, model)).map(({ needed }) => needed));
}

/** The persons whose approval counts. What does not count is passed over: nobody can spoil a version by adding rubbish to it. */
export function approvedBy(
  envelopes: readonly Envelope[],
  { version, publisher }: { readonly version: Digest; readonly publisher: string },
  policy: TrustPolicy,
  use: Use,
): { readonly persons: readonly string[]; readonly passedOver: readonly string[] } {
  const persons = new Set<string>();
  const passedOver: string[] = [];
  for (const envelope of envelopes)
    try {
      const { person } = verifyApproval(envelope, version, policy, use).approver;
      if (person === publisher) passedOver.push(`${person} published it and cannot approve it as well.`);
      else persons.add(person);
    } catch (error) {
      passedOver.push(toFailure(error).message);
    }
  return { persons: [...persons], passedOver };
}
