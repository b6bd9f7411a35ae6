// What one process has counted of one arm in one epoch of the weights. Increments allocate nothing.
import {
  type ArmReport,
  FAILURE_KINDS,
  type FailureKind,
  type FeedbackEvidence,
  type ShadowEvidence,
} from '../../../contracts/evidence.js';
import { HashList } from './hash-list.js';
import { BIN_COUNT, binOf } from './latency-bins.js';

/** What came of one pair of answers, the real one and the shadow's. */
export interface ShadowPair {
  readonly failed: boolean;
  readonly disagreed: boolean;
  /** Largest absolute difference over scale. */
  readonly difference: number;
  /** ln(shadow's latency / real latency). */
  readonly lnRatio: number;
}

const NO_SHADOW: ShadowEvidence = {
  pairs: 0,
  disagreed: 0,
  failed: 0,
  diffMax: 0,
  diffSum: 0,
  diffSum2: 0,
  lnRatioSum: 0,
  lnRatioSum2: 0,
};

export class ArmTally {
  requests = 0;
  anonymous = 0;
  anonymousFailures = 0;
  readonly users = new HashList();
  readonly failedUsers = new HashList();
  private readonly failures: Record<FailureKind, number> = {
    failed: 0,
    timedOut: 0,
    lost: 0,
    unserved: 0,
    full: 0,
    deadline: 0,
  };
  private readonly bins = new Uint32Array(BIN_COUNT);
  private answered = 0;
  private sumLn = 0;
  private sumLn2 = 0;
  private readonly feedback = new Map<string, FeedbackEvidence>();
  private shadow: ShadowEvidence | undefined;

  constructor(
    readonly arm: string,
    readonly weight: number,
  ) {}

  failed(kind: FailureKind): void {
    this.failures[kind]++;
  }

  tookMs(ms: number): void {
    // A clock of a whole millisecond may say 0; ln wants more.
    const ln = Math.log(Math.max(ms, 0.01));
    const bin = binOf(ms);
    this.bins[bin] = (this.bins[bin] as number) + 1;
    this.answered++;
    this.sumLn += ln;
    this.sumLn2 += ln * ln;
  }

  said(metric: string, value: number): void {
    const { count, sum, sum2 } = this.feedback.get(metric) ?? { count: 0, sum: 0, sum2: 0 };
    this.feedback.set(metric, { count: count + 1, sum: sum + value, sum2: sum2 + value * value });
  }

  shadowed({ failed, disagreed, difference, lnRatio }: ShadowPair): void {
    const shadow = (this.shadow ??= { ...NO_SHADOW });
    shadow.pairs++;
    if (failed) {
      shadow.failed++;
      return;
    }
    if (disagreed) shadow.disagreed++;
    shadow.diffMax = Math.max(shadow.diffMax, difference);
    shadow.diffSum += difference;
    shadow.diffSum2 += difference ** 2;
    shadow.lnRatioSum += lnRatio;
    shadow.lnRatioSum2 += lnRatio ** 2;
  }

  /** All counters; of the users those from these places in their lists on. */
  report(usersFrom: number, failedUsersFrom: number): ArmReport {
    const first = this.bins.findIndex((count) => count > 0);
    const last = this.bins.findLastIndex((count) => count > 0);
    return {
      arm: this.arm,
      weight: this.weight,
      requests: this.requests,
      failures: Object.fromEntries(
        FAILURE_KINDS.flatMap((kind) => (this.failures[kind] > 0 ? [[kind, this.failures[kind]]] : [])),
      ),
      anonymous: this.anonymous,
      anonymousFailures: this.anonymousFailures,
      ...(this.answered > 0 && {
        latency: {
          count: this.answered,
          sumLn: this.sumLn,
          sumLn2: this.sumLn2,
          from: first,
          bins: [...this.bins.subarray(first, last + 1)],
        },
      }),
      feedback: Object.fromEntries(this.feedback),
      ...(this.shadow && { shadow: { ...this.shadow } }),
      users: this.users.text(usersFrom),
      failedUsers: this.failedUsers.text(failedUsersFrom),
    };
  }
}
