// What one call says of the arm that it was first given. Dispatcher and forwarder keep one beside each call of an endpoint that
// has arms to compare, and none beside any other. A failure of the first attempt stays one, though a retry elsewhere saved the
// call: else a version that crashes would hide behind the retries.
import { ERRORS, type ErrorCode } from '../../../contracts/errors.js';
import type { FailureKind } from '../../../contracts/evidence.js';
import type { FlightEnd } from '../routing/replica-entry.js';
import type { Decision } from '../routing/route.js';
import type { EvidenceBook } from './book.js';

/** The caller went away, or this process does: nobody knows what would have become of it. */
const UNKNOWN: ReadonlySet<string> = new Set<ErrorCode>(['UNAVAILABLE', 'WITHHELD', 'BODY_LOST']);
const NEVER_ANSWERED = -1;

export class CallEvidence {
  private blame: FailureKind | undefined;

  /** Undefined where the weights did not choose: a rule, a name, the only version, a step of a pipeline. */
  static of(
    book: EvidenceBook | undefined,
    endpoint: string,
    user: string | undefined,
    decision: Decision,
  ): CallEvidence | undefined {
    const { arm, epoch, bucket } = decision;
    if (!book || bucket === undefined || arm === undefined || epoch === undefined) return undefined;
    if (!book.follows(endpoint)) return undefined;
    const evidence = new CallEvidence(book, endpoint, arm, epoch, user);
    if (decision.kind === 'refused') evidence.blame = 'unserved';
    return evidence;
  }

  private constructor(
    private readonly book: EvidenceBook,
    private readonly endpoint: string,
    private readonly arm: string,
    private readonly epoch: number,
    private readonly user: string | undefined,
  ) {}

  /** The first attempt has failed; there may be another. */
  failed(end: FlightEnd, code: ErrorCode): void {
    if (UNKNOWN.has(code)) return;
    if (end === 'timedOut' || end === 'failed') this.blame ??= end;
    else if (end === 'unreachable' || end === 'abandoned') this.blame ??= 'lost';
  }

  /** Once. `ms` is what the caller waited. */
  over(code: 'OK' | ErrorCode, ms: number): void {
    if (code !== 'OK' && this.blame === undefined) {
      if (UNKNOWN.has(code)) return;
      this.blame = blameOf(code);
    }
    const { book, endpoint, arm, epoch, user, blame } = this;
    book.called(endpoint, arm, epoch, user, blame, code === 'OK' ? ms : NEVER_ANSWERED);
  }

  /** By the status of an answer that went straight to the caller. */
  answered(http: number, ms: number): void {
    this.over(http < 400 ? 'OK' : http < 500 ? 'BAD_REQUEST' : http === 504 ? 'DEADLINE' : 'INTERNAL', ms);
  }
}

/** `<epoch>.<arm>` of whoever the weights chose; goes with the answer, and comes back with feedback about it. */
export const armTag = ({ arm, epoch, bucket }: Decision): string | undefined =>
  bucket === undefined || arm === undefined ? undefined : `${epoch}.${arm}`;

const BLAME: Partial<Record<ErrorCode, FailureKind>> = {
  DEADLINE: 'deadline',
  MAILBOX_FULL: 'full',
  NOT_READY: 'unserved',
  BREAKER_OPEN: 'unserved',
  REPLICA_LOST: 'lost',
};

/** What the arm did to a call that ended so; undefined when it was the caller's own doing. */
const blameOf = (code: ErrorCode): FailureKind | undefined =>
  BLAME[code] ?? (ERRORS[code].http >= 500 && code !== 'UNSUPPORTED' ? 'failed' : undefined);
