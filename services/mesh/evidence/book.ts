// The evidence that this process has: by endpoint, the epochs of its weights. Dispatcher and forwarder write one line a call, the
// reporter reads. Endpoints with a single arm have nothing to compare and cost one look at their record.
import type { EvidenceReport, FailureKind } from '../../../contracts/evidence.js';
import type { RoutedEndpoint } from '../routing/arm-choice.js';
import type { ShadowPair } from './arm-tally.js';
import { EpochTally } from './epoch-tally.js';

/** An epoch that is over is told of for so long, then forgotten: calls of it may still end. */
const OVER_MS = 60_000;
/** Endpoints under release or experiment at one time, times the few epochs that overlap. */
const TALLIES_MAX = 512;

export class EvidenceBook {
  /** By endpoint, the newest epoch last. */
  private readonly tallies = new Map<string, EpochTally[]>();
  private count = 0;
  private made = 0;

  constructor(
    /** Of this life of the process: another must not look like a repetition of it. */
    private readonly life: string,
    private readonly endpoint: (name: string) => RoutedEndpoint | undefined,
  ) {}

  /** Whether calls of the endpoint are counted. */
  follows(endpoint: string): boolean {
    return comparable(this.endpoint(endpoint));
  }

  /** Whether words of callers about its answers are taken: also of a single arm, so that one knows what is reported of it. */
  takesWords(endpoint: string): boolean {
    const record = this.endpoint(endpoint);
    return record !== undefined && record.withheld === undefined;
  }

  /** A call has ended. `failure` is what its first arm did to it, whatever others made of it. */
  called(
    endpoint: string,
    arm: string,
    epoch: number,
    user: string | undefined,
    failure: FailureKind | undefined,
    ms: number,
  ): void {
    this.tally(endpoint, epoch)?.called(arm, user, failure, ms);
  }

  /** False: counted before. Undefined: no such arm or epoch here, or too many metrics. `unit` is who or what counts once. */
  said(
    endpoint: string,
    arm: string,
    epoch: number,
    metric: string,
    unit: string,
    value: number,
  ): boolean | undefined {
    return this.tally(endpoint, epoch, spokenOf)?.said(arm, metric, unit, value);
  }

  shadowed(endpoint: string, arm: string, epoch: number, pair: ShadowPair): void {
    this.tally(endpoint, epoch)?.shadowed(arm, pair);
  }

  /** What there is to tell since the last time. */
  reports(region: string, nowMs: number): EvidenceReport[] {
    const told: EvidenceReport[] = [];
    for (const [endpoint, tallies] of this.tallies) {
      const current = this.endpoint(endpoint);
      const kept: EpochTally[] = [];
      for (const tally of tallies) {
        const report = tally.report(endpoint, region, nowMs);
        if (report) told.push(report);
        const over = !spokenOf(current) || (current.epoch ?? 0) !== tally.epoch;
        if (!over || nowMs - tally.countedMs < OVER_MS) kept.push(tally);
      }
      this.count -= tallies.length - kept.length;
      if (kept.length > 0) this.tallies.set(endpoint, kept);
      else this.tallies.delete(endpoint);
    }
    return told;
  }

  private tally(endpoint: string, epoch: number, counts = comparable): EpochTally | undefined {
    const known = this.tallies.get(endpoint);
    if (known)
      for (let i = known.length - 1; i >= 0; i--) {
        const tally = known[i] as EpochTally;
        if (tally.epoch === epoch) return tally;
      }
    return this.begin(endpoint, epoch, known, counts);
  }

  private begin(
    endpoint: string,
    epoch: number,
    known: EpochTally[] | undefined,
    counts: typeof comparable,
  ): EpochTally | undefined {
    const record = this.endpoint(endpoint);
    // A call that outlived its epoch, and nobody counted then what weights it had.
    if (!counts(record) || (record.epoch ?? 0) !== epoch || this.count >= TALLIES_MAX) return undefined;
    const tally = new EpochTally(record, `${this.life}.${++this.made}`);
    this.count++;
    if (known) known.push(tally);
    else this.tallies.set(endpoint, [tally]);
    return tally;
  }
}

/** While an order of safety withholds an arm, the weights of the record are not those in force: nothing is counted by them. */
const spokenOf = (record: RoutedEndpoint | undefined): record is RoutedEndpoint =>
  record !== undefined && record.withheld === undefined;

const comparable = (record: RoutedEndpoint | undefined): record is RoutedEndpoint =>
  spokenOf(record) && record.variants.length > 1;
