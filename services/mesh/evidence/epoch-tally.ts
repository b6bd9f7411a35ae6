// One process's evidence of one endpoint in one epoch of its weights. A user counts once in each respect: the first call for
// latency and for the split, the first failure for the error rate, the first word for each metric. Who calls a thousand times
// says no more about a version than who calls once (with request counting, 2 % of users who fail often gave 31 % false alarms).
import type { EvidenceReport, FailureKind } from '../../../contracts/evidence.js';
import { armOf, type EndpointRecord } from '../../../contracts/registry.js';
import { mix, murmur3 } from '../murmur3.js';
import { ArmTally, type ShadowPair } from './arm-tally.js';
import { FixedSet } from './fixed-set.js';

export const USERS_MAX = 16_384;
export const FAILED_USERS_MAX = 8_192;
const WORDS_MAX = 65_536;
const METRICS_MAX = 16;
/** All of it this often while somebody may still come to listen; beyond, silence says that the source is gone. */
const WHOLE_MS = 5_000;

export class EpochTally {
  readonly epoch: number;
  /** When something was counted last. */
  countedMs = 0;
  private readonly arms: readonly ArmTally[];
  private readonly users = new FixedSet(USERS_MAX);
  private readonly failedUsers = new FixedSet(FAILED_USERS_MAX);
  private readonly words = new FixedSet(WORDS_MAX);
  private readonly metrics = new Set<string>();
  private told: { users: number; failedUsers: number }[];
  private seq = 0;
  private dirty = false;
  private wholeMs = Number.NEGATIVE_INFINITY;

  constructor(
    record: EndpointRecord,
    readonly source: string,
  ) {
    this.epoch = record.epoch ?? 0;
    this.arms = record.variants.map((variant) => new ArmTally(armOf(variant), variant.weight));
    this.told = this.arms.map(() => ({ users: 0, failedUsers: 0 }));
  }

  /** One call, once, for the arm that it was first given; below 0 ms it was not answered. */
  called(name: string, user: string | undefined, failure: FailureKind | undefined, ms: number): void {
    const arm = this.arm(name);
    if (!arm) return;
    this.dirty = true;
    arm.requests++;
    if (failure !== undefined) arm.failed(failure);
    if (user === undefined) {
      arm.anonymous++;
      if (failure !== undefined) arm.anonymousFailures++;
      else if (ms >= 0) arm.tookMs(ms);
      return;
    }
    const hash = murmur3(user);
    const first = this.users.add(hash);
    if (first) arm.users.push(hash);
    if (failure === undefined) {
      if (first && ms >= 0) arm.tookMs(ms);
    } else if (this.failedUsers.add(hash)) arm.failedUsers.push(hash);
  }

  /** False for one that was counted before, undefined when there is no such arm or no room for another metric. */
  said(name: string, metric: string, unit: string, value: number): boolean | undefined {
    const arm = this.arm(name);
    if (!arm || (!this.metrics.has(metric) && this.metrics.size >= METRICS_MAX)) return undefined;
    this.metrics.add(metric);
    if (this.words.full || !this.words.add(mix(murmur3(metric), murmur3(unit)))) return false;
    this.dirty = true;
    arm.said(metric, value);
    return true;
  }

  shadowed(name: string, pair: ShadowPair): void {
    const arm = this.arm(name);
    if (!arm) return;
    this.dirty = true;
    arm.shadowed(pair);
  }

  /** What there is to say now, or nothing. */
  report(endpoint: string, region: string, nowMs: number): EvidenceReport | undefined {
    if (this.dirty) this.countedMs = nowMs;
    const whole = nowMs - this.wholeMs >= WHOLE_MS;
    if (!this.dirty && !whole) return undefined;
    this.dirty = false;
    if (whole) this.wholeMs = nowMs;
    const arms = this.arms.map((arm, i) => {
      const from = this.told[i];
      return arm.report(whole ? 0 : (from?.users ?? 0), whole ? 0 : (from?.failedUsers ?? 0));
    });
    this.told = this.arms.map(({ users, failedUsers }) => ({
      users: users.length,
      failedUsers: failedUsers.length,
    }));
    const { source, epoch } = this;
    return { source, region, seq: ++this.seq, endpoint, epoch, whole, arms };
  }

  private arm(name: string): ArmTally | undefined {
    // Two to four arms: looking through them is quicker than a map.
    for (const arm of this.arms) if (arm.arm === name) return arm;
    return undefined;
  }
}
