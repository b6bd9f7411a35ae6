// Approvals of versions as they come in: checked like every other signed word, kept with the version, counted by whoever loads it.
// The registry only refuses what could never count.
import { APPROVALS_MAX, type VersionRecord } from '../../contracts/registry.js';
import type { ApproveReply, ApproveRequest } from '../../contracts/approval.js';
import { keys } from '../../contracts/buckets.js';
import { failure } from '../../contracts/errors.js';
import type { PolicyReply } from '../../contracts/trust-policy.js';
import { approvalsNeeded, approvedBy, verifyApproval } from '../mesh/trust/approval.js';
import type { Clock } from '../mesh/clock.js';
import type { PolicyReader } from '../mesh/trust/trust-policy.js';
import type { BucketLog, Decision } from '../mesh/bucket-log.js';
import type { CatalogState } from './catalog-state.js';
import { resolveVersion } from './resolve.js';

export interface ApprovalsParts {
  readonly log: BucketLog;
  readonly state: CatalogState;
  readonly policy: PolicyReader;
  readonly clock: Pick<Clock, 'now'>;
}

export class Approvals {
  constructor(private readonly parts: ApprovalsParts) {}

  policy(): PolicyReply {
    return { policy: this.parts.policy.current() };
  }

  /** One a person: a newer one takes the older one's place. Two that come at once are both kept. */
  approve({ model, version: digest, envelope }: ApproveRequest): Promise<ApproveReply> {
    const { log, state, policy: reader, clock } = this.parts;
    return log.transact((): Decision<ApproveReply> => {
      const policy = reader.current();
      const use = { model, nowMs: clock.now() };
      const version = resolveVersion(state.model(model), digest);
      const { approval, approver } = verifyApproval(envelope, digest, policy, use);
      if (approver.person === version.signer.person)
        throw failure('NOT_ALLOWED', `${approver.person} published this version: somebody else approves it.`);
      const others = (version.approvals ?? []).filter((one) => {
        try {
          const other = verifyApproval(one, digest, policy, use);
          // The very bytes once more, or a newer word of the same person.
          return other.approver.person !== approver.person && other.approval.nonce !== approval.nonce;
        } catch {
          return false; // what counts no more makes room
        }
      });
      if (others.length >= APPROVALS_MAX)
        throw failure('CONFLICT', `The version has ${APPROVALS_MAX} approvals already.`);
      const next: VersionRecord = { ...version, approvals: [...others, envelope] };
      const of = { version: digest, publisher: version.signer.person };
      const counted = approvedBy(next.approvals ?? [], of, policy, use).persons.length;
      return {
        change: { key: keys.version(model, digest), value: next },
        result: {
          version: next,
          person: approver.person,
          counted,
          needed: approvalsNeeded(policy, model),
        },
      };
    });
  }
}
