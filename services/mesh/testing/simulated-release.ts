// A release without a mesh: calls drawn from a seed go through the same book, collector and judge as real ones. Tests turn it a
// few hundred times, `bench release-stats` some millions.
import { Analysis, type AnalysisInput, type JudgeMemory, type Verdict } from '../../../contracts/analysis.js';
import type { EndpointRecord } from '../../../contracts/registry.js';
import type { ShadowPair } from '../evidence/arm-tally.js';
import { EvidenceBook } from '../evidence/book.js';
import { EvidenceCollector } from '../evidence/collector.js';
import type { Random } from '../random.js';
import { judge } from '../statistics/judge.js';

export interface SimulatedCall {
  readonly arm: string;
  readonly user?: string;
  readonly failed: boolean;
  readonly ms: number;
}

const ENDPOINT = 'simulated';

export class SimulatedRelease {
  epoch = 0;
  nowMs = 1_000_000;
  readonly collector = new EvidenceCollector();
  private readonly analysis: Analysis;
  private readonly book: EvidenceBook;
  private readonly startedMs = this.nowMs;
  private stepMs = this.nowMs;
  private record: EndpointRecord;
  private memory: JudgeMemory = { sampleRatioAlarm: false };

  constructor(weights: Readonly<Record<string, number>>, analysis: AnalysisInput = {}) {
    this.analysis = Analysis.parse(analysis);
    this.record = recordOf(weights, 0);
    this.book = new EvidenceBook('life', () => this.record);
  }

  /** Another step: another epoch of the weights. What was counted before it is told first. */
  reweigh(weights: Readonly<Record<string, number>>): void {
    this.tell();
    this.record = recordOf(weights, ++this.epoch);
    this.stepMs = this.nowMs;
  }

  /** The arm that a call without a user would get. */
  draw(random: Random): string {
    let left = random() * 10_000;
    for (const { label, weight } of this.record.variants) if ((left -= weight) < 0) return label;
    return '';
  }

  call({ arm, user, failed, ms }: SimulatedCall): void {
    this.book.called(ENDPOINT, arm, this.epoch, user, failed ? 'failed' : undefined, ms);
  }

  said(arm: string, metric: string, unit: string, value: number): void {
    this.book.said(ENDPOINT, arm, this.epoch, metric, unit, value);
  }

  shadowed(arm: string, pair: ShadowPair): void {
    this.book.shadowed(ENDPOINT, arm, this.epoch, pair);
  }

  /** A look one second later. */
  look(afterMs = 1_000, candidates: readonly string[] = ['canary']): Verdict {
    this.nowMs += afterMs;
    this.tell();
    const { analysis, memory, epoch, nowMs, startedMs, stepMs } = this;
    const verdict = judge({
      analysis,
      baseline: 'stable',
      candidates: [...candidates],
      evidence: this.collector.evidence(ENDPOINT),
      memory,
      epoch,
      nowMs,
      startedMs,
      stepMs,
    });
    this.memory = verdict.memory;
    return verdict;
  }

  private tell(): void {
    for (const report of this.book.reports('east', this.nowMs)) this.collector.take(report, this.nowMs);
  }
}

function recordOf(weights: Readonly<Record<string, number>>, epoch: number): EndpointRecord {
  return {
    name: ENDPOINT,
    model: ENDPOINT,
    variants: Object.entries(weights).map(([label, weight]) => ({ version: label, label, weight })),
    epoch,
    salt: ENDPOINT,
    assignment: 'request',
    replicasPerRegion: 1,
    timeoutMs: 1_000,
    updatedAt: '2026-01-01T00:00:00.000Z',
  };
}

/** A latency of a lognormal distribution. */
export function logNormal(random: Random, medianMs: number, sigma: number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return medianMs * Math.exp(sigma * normal);
}
