// A second person's word on a version: a DSSE envelope signed by an approver of the trust policy with ECDSA. It names the exact bytes
// (the manifest's root), so it says nothing of any other version; services/mesh/trust/approval.ts signs and checks it.
import { z } from 'zod';
import { Envelope } from './manifest.js';
import { Digest, ModelName } from './names.js';
import { VersionRecord } from './registry.js';

export const APPROVAL_TYPE = 'application/vnd.massif.approval+json';
export const APPROVAL_DAYS_MAX = 1_100;

export const Approval = z
  .strictObject({
    model: ModelName,
    version: Digest,
    /** The trust policy that the approver went by, for the record. */
    policyVersion: z.int().min(1),
    nonce: z.string().regex(/^[\w-]{16,64}$/),
    reason: z.string().min(1).max(500),
    issuedAt: z.iso.datetime(),
    /** From then on nothing is loaded on its account. */
    expiresAt: z.iso.datetime(),
  })
  .refine(
    ({ issuedAt, expiresAt }) => {
      const ms = Date.parse(expiresAt) - Date.parse(issuedAt);
      return ms > 0 && ms <= APPROVAL_DAYS_MAX * 86_400_000;
    },
    { message: `an approval ends after it began, and within ${APPROVAL_DAYS_MAX} days` },
  );
export type Approval = z.infer<typeof Approval>;

/** Approver -> registry, which checks it and keeps it with the version. */
export const ApproveRequest = z.object({ model: ModelName, version: Digest, envelope: Envelope });
export type ApproveRequest = z.infer<typeof ApproveRequest>;

export const ApproveReply = z.object({
  version: VersionRecord,
  /** Of the person that the policy names for the key. */
  person: z.string(),
  /** How many approvals count by now, and how many the policy asks for. */
  counted: z.int(),
  needed: z.int(),
});
export type ApproveReply = z.infer<typeof ApproveReply>;
