// One version as the auditor sees it: broken answers by themselves, and, where it has a baseline, all that version-watch.ts follows. Holds sums and
// a few request ids.
import type { Baseline, Fault, Judgement } from '../../../contracts/detection.js';
import type { ObservedRequest } from '../../../contracts/observation.js';
import { meanRow } from '../detect/model-rows.js';
import { fromProbabilities } from '../detect/scores.js';
import { AS_EXPECTED } from '../detect/verdict.js';
import { VersionWatch } from '../detect/version-watch.js';

/** So many different requests in a row, each with a broken answer: one may be the doing of whoever asked. */
const BROKEN_IN_A_ROW = 3;
const IDS_KEPT = 16;

export class WatchedVersion {
  private readonly watch: VersionWatch | undefined;
  private broken: string[] = [];
  private ids: string[] = [];
  /** Requests that came with the hidden feature of the baseline. */
  tapped = 0;
  judgement: Judgement = said('normal', AS_EXPECTED, []);

  constructor(readonly baseline?: Baseline) {
    this.watch = baseline && new VersionWatch(baseline);
  }

  /** Newest first. */
  get requestIds(): readonly string[] {
    return this.ids;
  }

  take(request: ObservedRequest): Judgement {
    this.judgement = this.judged(request);
    if (this.judgement.verdict !== 'normal' && request.requestId !== '')
      this.ids = [request.requestId, ...this.ids].slice(0, IDS_KEPT);
    return this.judgement;
  }

  /** After it was told: the same change is found again only if it goes on. */
  restart(): void {
    this.watch?.restart();
    this.broken = [];
    this.ids = [];
  }

  private judged(request: ObservedRequest): Judgement {
    const { faults, ordinary, inputDigest } = request;
    // What is no number in an input may well be none in the answer.
    if (!ordinary) return said('normal', AS_EXPECTED, []);
    if (faults.length > 0) {
      if (!this.broken.includes(inputDigest)) this.broken.push(inputDigest);
      const words = `${this.broken.length} different requests in a row got a broken answer: ${faults.join(', ')}.`;
      return said(this.broken.length >= BROKEN_IN_A_ROW ? 'abnormal' : 'suspicious', words, faults);
    }
    this.broken = [];
    return this.followed(request) ?? said('normal', AS_EXPECTED, []);
  }

  /** Undefined where there is no baseline, or the request has not what it is about. */
  private followed({
    inputs,
    outputs,
    taps,
    inputDigest,
    outputDigest,
  }: ObservedRequest): Judgement | undefined {
    const { watch, baseline } = this;
    if (!watch || !baseline) return undefined;
    const statistics = inputs[baseline.input];
    const packed = outputs[baseline.output.name] ?? taps[baseline.output.name];
    const feature = baseline.tap && featureIn(taps[baseline.tap.output], baseline.tap.width);
    if (feature) this.tapped++;
    if (statistics === undefined || packed === undefined) return undefined;
    const values = floatsIn(packed);
    const { classes, kind } = baseline.output;
    if (values.length === 0 || values.length % classes !== 0) return undefined;
    const row = meanRow(values, classes);
    const { mean = 0, deviation = 0, min = 0, max = 0, roughness = 0 } = statistics;
    return watch.see({
      input: [],
      statistics: { mean, deviation, min, max, roughness },
      logits: kind === 'logits' ? row : fromProbabilities(row),
      ...(feature && { feature }),
      inputDigest,
      outputDigest,
    });
  }
}

const said = (verdict: Judgement['verdict'], why: string, faults: readonly Fault[]): Judgement => ({
  verdict,
  why,
  faults: [...faults],
  evidence: 0,
  strongest: [],
  requestsSince: 0,
});

/** Undefined where there is none, or it is no row of numbers: then answers and inputs are followed alone. */
function featureIn(packed: string | undefined, width: number): Float32Array | undefined {
  const feature = packed === undefined ? undefined : floatsIn(packed);
  return feature?.length === width && feature.every(Number.isFinite) ? feature : undefined;
}

function floatsIn(packed: string): Float32Array {
  const bytes = Buffer.from(packed, 'base64');
  return new Float32Array(new Uint8Array(bytes).buffer, 0, Math.floor(bytes.length / 4));
}
