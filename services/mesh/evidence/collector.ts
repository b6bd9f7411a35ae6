// Sums what all sources tell of an endpoint: the newest totals of each source, users counted once over all of them. A report that
// comes twice or late changes nothing, one that never came is made good by the next. Who judges releases has one.
import {
  type ArmEvidence,
  type ArmReport,
  type EndpointEvidence,
  type EpochEvidence,
  type EvidenceReport,
  FAILURE_KINDS,
  type LatencyEvidence,
  type ShadowEvidence,
} from '../../../contracts/evidence.js';
import { FAILED_USERS_MAX, USERS_MAX } from './epoch-tally.js';
import { FixedSet } from './fixed-set.js';
import { readHashes } from './hash-list.js';
import { BIN_COUNT } from './latency-bins.js';

/** Lives of processes that may have routed for one epoch. */
const SOURCES_MAX = 1_024;
const EPOCHS_MAX = 256;
const ENDPOINTS_MAX = 1_024;

interface Source {
  seq: number;
  /** What is missing up to `seq` was lost. */
  heard: number;
  arms: readonly ArmReport[];
}

interface Epoch {
  readonly sources: Map<string, Source>;
  readonly users: FixedSet;
  readonly usersOf: Map<string, number>;
  readonly failedUsersOf: Map<string, number>;
  readonly firstMs: number;
  lastMs: number;
}

interface Known {
  readonly epochs: Map<number, Epoch>;
  /** Over all epochs: whoever failed before has been counted, on whichever arm that was. */
  readonly failedUsers: FixedSet;
}

export class EvidenceCollector {
  private readonly endpoints = new Map<string, Known>();

  /** False when it was not counted: an old or repeated one, or no room. */
  take(report: EvidenceReport, nowMs: number): boolean {
    const epoch = this.epoch(report, nowMs);
    const source = epoch && this.source(epoch, report);
    if (!epoch || !source) return false;
    if (report.seq <= source.seq) return false;
    // Who begins to listen late has not lost what was said before.
    source.heard = source.seq === 0 ? report.seq : source.heard + 1;
    source.seq = report.seq;
    source.arms = report.arms;
    epoch.lastMs = nowMs;
    for (const arm of report.arms) this.addUsers(report.endpoint, epoch, arm);
    return true;
  }

  /** Epochs from this one on. */
  evidence(endpoint: string, fromEpoch = 0): EndpointEvidence {
    const known = this.endpoints.get(endpoint);
    const epochs = [...(known?.epochs ?? [])]
      .filter(([epoch]) => epoch >= fromEpoch)
      .toSorted(([a], [b]) => a - b);
    return {
      endpoint,
      epochs: epochs.map(([epoch, counted]) => summed(epoch, counted, known?.failedUsers.full ?? false)),
      lostReports: epochs.reduce((sum, [, { sources }]) => sum + lostOf(sources), 0),
    };
  }

  /** A release is over, or another begins: whoever failed then may fail again. */
  forget(endpoint: string): void {
    this.endpoints.delete(endpoint);
  }

  private epoch({ endpoint, epoch }: EvidenceReport, nowMs: number): Epoch | undefined {
    let known = this.endpoints.get(endpoint);
    if (!known) {
      if (this.endpoints.size >= ENDPOINTS_MAX) return undefined;
      known = { epochs: new Map(), failedUsers: new FixedSet(FAILED_USERS_MAX) };
      this.endpoints.set(endpoint, known);
    }
    const there = known.epochs.get(epoch);
    if (there) return there;
    if (known.epochs.size >= EPOCHS_MAX) known.epochs.delete(Math.min(...known.epochs.keys()));
    const made: Epoch = {
      sources: new Map(),
      users: new FixedSet(USERS_MAX),
      usersOf: new Map(),
      failedUsersOf: new Map(),
      firstMs: nowMs,
      lastMs: nowMs,
    };
    known.epochs.set(epoch, made);
    return made;
  }

  private source({ sources }: Epoch, { source }: EvidenceReport): Source | undefined {
    const known = sources.get(source);
    if (known || sources.size >= SOURCES_MAX) return known;
    const made: Source = { seq: 0, heard: 0, arms: [] };
    sources.set(source, made);
    return made;
  }

  private addUsers(endpoint: string, epoch: Epoch, { arm, users, failedUsers }: ArmReport): void {
    const failed = this.endpoints.get(endpoint)?.failedUsers;
    const add = (text: string, set: FixedSet | undefined, counts: Map<string, number>) => {
      if (text === '' || !set) return;
      let count = counts.get(arm) ?? 0;
      for (const hash of readHashes(text) ?? []) if (set.add(hash)) count++;
      counts.set(arm, count);
    };
    add(users, epoch.users, epoch.usersOf);
    add(failedUsers, failed, epoch.failedUsersOf);
  }
}

const lostOf = (sources: ReadonlyMap<string, Source>): number =>
  [...sources.values()].reduce((sum, { seq, heard }) => sum + Math.max(0, seq - heard), 0);

function summed(epoch: number, counted: Epoch, failedUsersFull: boolean): EpochEvidence {
  const arms: Record<string, ArmEvidence> = {};
  for (const { arms: told } of counted.sources.values())
    for (const { arm: name, users: _, failedUsers: __, ...report } of told) {
      const so = arms[name];
      arms[name] = so ? plus(so, report) : { ...report, users: 0, failedUsers: 0 };
    }
  for (const [name, arm] of Object.entries(arms)) {
    arm.users = counted.usersOf.get(name) ?? 0;
    arm.failedUsers = counted.failedUsersOf.get(name) ?? 0;
  }
  const { firstMs, lastMs, users } = counted;
  return { epoch, arms, usersFull: users.full, failedUsersFull, firstMs, lastMs };
}

type Counts = Omit<ArmReport, 'arm' | 'users' | 'failedUsers'>;

function plus(a: ArmEvidence, b: Counts): ArmEvidence {
  const feedback = { ...a.feedback };
  for (const [metric, { count, sum, sum2 }] of Object.entries(b.feedback)) {
    const so = feedback[metric] ?? { count: 0, sum: 0, sum2: 0 };
    feedback[metric] = { count: so.count + count, sum: so.sum + sum, sum2: so.sum2 + sum2 };
  }
  const latency = a.latency && b.latency ? plusLatency(a.latency, b.latency) : (a.latency ?? b.latency);
  const shadow = a.shadow && b.shadow ? plusShadow(a.shadow, b.shadow) : (a.shadow ?? b.shadow);
  return {
    ...a,
    requests: a.requests + b.requests,
    failures: Object.fromEntries(
      FAILURE_KINDS.flatMap((kind) => {
        const count = (a.failures[kind] ?? 0) + (b.failures[kind] ?? 0);
        return count > 0 ? [[kind, count]] : [];
      }),
    ),
    anonymous: a.anonymous + b.anonymous,
    anonymousFailures: a.anonymousFailures + b.anonymousFailures,
    feedback,
    ...(latency && { latency }),
    ...(shadow && { shadow }),
  };
}

function plusLatency(a: LatencyEvidence, b: LatencyEvidence): LatencyEvidence {
  const from = Math.min(a.from, b.from);
  const length = Math.min(BIN_COUNT, Math.max(a.from + a.bins.length, b.from + b.bins.length)) - from;
  const bins = Array.from(
    { length },
    (_, i) => (a.bins[from + i - a.from] ?? 0) + (b.bins[from + i - b.from] ?? 0),
  );
  return { count: a.count + b.count, sumLn: a.sumLn + b.sumLn, sumLn2: a.sumLn2 + b.sumLn2, from, bins };
}

const plusShadow = (a: ShadowEvidence, b: ShadowEvidence): ShadowEvidence => ({
  pairs: a.pairs + b.pairs,
  disagreed: a.disagreed + b.disagreed,
  failed: a.failed + b.failed,
  diffMax: Math.max(a.diffMax, b.diffMax),
  diffSum: a.diffSum + b.diffSum,
  diffSum2: a.diffSum2 + b.diffSum2,
  lnRatioSum: a.lnRatioSum + b.lnRatioSum,
  lnRatioSum2: a.lnRatioSum2 + b.lnRatioSum2,
});
