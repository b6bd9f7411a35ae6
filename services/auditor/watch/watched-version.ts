// One version as the auditor sees it: broken answers by themselves, and, where it has a baseline, all that version-watch.ts follows. Holds sums and
// a few request ids.
import type { Baseline, Fault, Judgement } from '../../../contracts/detection.js';
import type { ObservedRequest } from '../../../contracts/observation.js';
import { classOf } from '../detect/logit-scores.js';
import { meanRow } from '../detect/model-rows.js';
import { fromProbabilities, type Row } from '../detect/scores.js';
import { ExtractionWatch, queryOf, referenceOf } from '../fraud/extraction.js';
import { AS_EXPECTED } from '../detect/verdict.js';
import { VersionWatch } from '../detect/version-watch.js';

export interface CopyFinding {
  /** `key ID` or `tenant NAME`. */
  readonly name: string;
  readonly evidence: number;
  readonly queries: number;
}

/** So many different requests in a row, each with a broken answer: one may be the doing of whoever asked. */
const BROKEN_IN_A_ROW = 3;
const IDS_KEPT = 16;
/** Hidden features of a class that are kept for a closer look, and classes. */
const [FEATURES_KEPT, CLASSES_KEPT] = [64, 16];

export class WatchedVersion {
  private readonly watch: VersionWatch | undefined;
  private readonly extraction: ExtractionWatch | undefined;
  private copiers: CopyFinding[] = [];
  private broken: string[] = [];
  private ids: string[] = [];
  /** Requests that came with the hidden feature of the baseline. */
  tapped = 0;
  /** The newest features by class. */
  readonly features = new Map<number, Float32Array[]>();
  judgement: Judgement = said('normal', AS_EXPECTED, []);

  constructor(readonly baseline?: Baseline) {
    this.watch = baseline && new VersionWatch(baseline);
    const reference = baseline && referenceOf(baseline);
    this.extraction = reference && new ExtractionWatch(reference);
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

  /** Keys and tenants whose queries look made to copy the version, found since this was asked last. */
  takeCopiers(): readonly CopyFinding[] {
    const found = this.copiers;
    this.copiers = [];
    return found;
  }

  /** Callers are followed by their keys, where a gateway named them. */
  private follow({ caller, vector }: ObservedRequest, row: Row): void {
    const { baseline, watch, extraction } = this;
    if (!extraction || !watch || !baseline || caller === undefined || vector === undefined) return;
    const [key = '', tenant] = caller.split(' ');
    const names = [`key ${key}`, ...(tenant === undefined ? [] : [`tenant ${tenant}`])];
    const query = queryOf(row, floatsIn(vector), watch.scores(row), baseline.streams, baseline.chosen);
    for (const [name, { flagged, evidence, queries }] of extraction.see(names, query)) {
      if (!flagged) continue;
      this.copiers.push({ name, evidence, queries });
      extraction.forget(name);
    }
  }

  private keep(label: number, feature: Float32Array): void {
    const own = this.features.get(label) ?? [];
    if (own.length === 0 && this.features.size >= CLASSES_KEPT) return;
    own.push(feature);
    if (own.length > FEATURES_KEPT) own.shift();
    this.features.set(label, own);
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
  private followed(request: ObservedRequest): Judgement | undefined {
    const { inputs, outputs, taps, inputDigest, outputDigest } = request;
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
    const seen: Row = {
      input: [],
      statistics: { mean, deviation, min, max, roughness },
      logits: kind === 'logits' ? row : fromProbabilities(row),
      ...(feature && { feature }),
    };
    this.follow(request, seen);
    if (feature) this.keep(classOf(row), feature);
    return watch.see({ ...seen, inputDigest, outputDigest });
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
