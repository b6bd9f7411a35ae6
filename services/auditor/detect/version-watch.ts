// Watches one version: every request's scores against the baseline, and the evidence that they moved. The auditor keeps one for each
// version that has a baseline; it holds no request, only sums.
import {
  Baseline,
  type Fault,
  type Judgement,
  type Ranks,
  type StreamSource,
} from '../../../contracts/detection.js';
import { ClassMix } from './class-mix.js';
import { ConstantOutput } from './faults.js';
import { classOf } from './logit-scores.js';
import { unpackFeatures } from './packed.js';
import { deviationOf } from './ranks.js';
import { type Row, Scorer } from './scores.js';
import { ShiftDetector, type WatchedStream } from './shift-detector.js';
import { AS_EXPECTED, decideVerdict, TELL_AT } from './verdict.js';

/** The chosen score has half of the evidence, all others share the rest. */
const CHOSEN_WEIGHT = 0.5;
const STRONGEST = 5;

export interface SeenRequest extends Row {
  /** What outputFaults found. */
  readonly faults?: readonly Fault[];
  /** Any text that differs where the bytes differ. */
  readonly inputDigest: string;
  readonly outputDigest: string;
}

export class VersionWatch {
  private readonly scorer: Scorer;
  private readonly shift: ShiftDetector;
  private readonly mix: ClassMix;
  private readonly constant: ConstantOutput;

  /** Throws BAD_REQUEST for a baseline whose matrices do not fit. */
  constructor(private readonly baseline: Baseline) {
    const { features, streams, chosen, classShares, samples } = baseline;
    this.scorer = new Scorer(features === undefined ? undefined : unpackFeatures(features), streams);
    this.shift = new ShiftDetector(streams.map((ranks) => watched(ranks, streams, chosen)));
    this.mix = new ClassMix(classShares, samples);
    this.constant = new ConstantOutput(baseline.constantAfter);
  }

  /** One answered request. `confirmed`: what costlier checks said, where they were run. */
  see(request: SeenRequest, confirmed?: boolean): Judgement {
    const faults = [...(request.faults ?? [])];
    if (this.constant.add(request.inputDigest, request.outputDigest)) faults.push('constant-output');
    // A broken answer has no scores worth following.
    if (faults.length > 0) return this.judge(faults, 0, 0, confirmed);
    return this.follow(this.deviations(this.scores(request)), classOf(request.logits), confirmed);
  }

  /** The same from scores that were made elsewhere: deviations in the order of the baseline's streams. */
  follow(deviations: ArrayLike<number>, label: number, confirmed?: boolean): Judgement {
    return this.judge([], this.shift.add(deviations), this.mix.add(label), confirmed);
  }

  /** Of one request, by name. */
  scores(row: Row): Record<string, number> {
    return this.scorer.scores(row);
  }

  deviations(scores: Readonly<Record<string, number>>): Float64Array {
    return Float64Array.from(this.baseline.streams, (ranks) =>
      deviationOf(ranks, scores[ranks.name] ?? Number.NaN),
    );
  }

  /** After an alarm was told. */
  restart(): void {
    this.shift.restart();
    this.mix.restart();
  }

  private judge(faults: Fault[], total: number, classMix: number, confirmed?: boolean): Judgement {
    const evidence = Math.max(total, classMix);
    // Which streams moved is asked of those that did: nearly every request of a healthy version ends here.
    if (faults.length === 0 && evidence < TELL_AT)
      return { verdict: 'normal', why: AS_EXPECTED, faults, evidence, strongest: [], requestsSince: 0 };
    const each = this.baseline.streams.map(({ name, source }, i) => {
      const { shift, requests } = this.shift.sinceChange(i);
      return { stream: name, source, evidence: this.shift.ofStream(i), shift, requests };
    });
    const bySource = {
      input: meanOf(each, 'input'),
      output: meanOf(each, 'output'),
      intermediate: meanOf(each, 'intermediate'),
    };
    const found = { faults, total, bySource, classMix, ...(confirmed === undefined ? {} : { confirmed }) };
    const strongest = each.sort((a, b) => b.evidence - a.evidence).slice(0, STRONGEST);
    return {
      ...decideVerdict(found),
      faults,
      evidence,
      strongest: strongest.map(({ stream, source, evidence: own, shift }) => ({
        stream,
        source,
        evidence: own,
        shift,
      })),
      requestsSince: strongest[0]?.requests ?? 0,
    };
  }
}

function meanOf(each: readonly { source: StreamSource; evidence: number }[], source: StreamSource): number {
  const own = each.filter((one) => one.source === source);
  return own.reduce((sum, { evidence }) => sum + evidence, 0) / Math.max(1, own.length);
}

function watched({ name, source, samples }: Ranks, all: readonly Ranks[], chosen: string): WatchedStream {
  const others = all.length - 1;
  const weight = name === chosen ? (others === 0 ? 1 : CHOSEN_WEIGHT) : (1 - CHOSEN_WEIGHT) / others;
  return { name, weight, samples, lower: source !== 'input' };
}
