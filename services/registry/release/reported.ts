// Which metrics callers report, as far as this registry has heard: a release that is to be judged by a number which nobody ever sends
// would only wait for its end. Apply asks; every registry listens, for any of them may be the one that is asked.
import type { Metric } from '../../../contracts/analysis.js';
import { failure } from '../../../contracts/errors.js';
import { EvidenceReport } from '../../../contracts/evidence.js';
import type { ReleaseSpec } from '../../../contracts/release.js';
import { wildcards } from '../../../contracts/subjects.js';
import type { Bus } from '../../mesh/bus.js';
import type { Clock } from '../../mesh/clock.js';
import { errorFields, type Log } from '../../mesh/log.js';

/** A metric that was heard this long ago still counts: some callers speak once in a while. */
const REMEMBERED_MS = 3_600_000;
/** Whoever counts tells all of it at least every five seconds; before that silence says nothing. */
const LISTENED_MS_MIN = 6_000;
const METRICS_MAX = 10_000;

export class Reported {
  private readonly heardMs = new Map<string, number>();
  private readonly sinceMs: number;

  constructor(private readonly clock: Clock) {
    this.sinceMs = clock.monotonicMs();
  }

  /** Returns what ends it. */
  listen(bus: Bus, log: Log): () => void {
    const heard = bus.nc.subscribe(wildcards.evidence(), {
      callback: (error, message) => {
        if (error) return log.error('subscription.failed', errorFields(error));
        this.take(message.string());
      },
    });
    return () => heard.unsubscribe();
  }

  take(text: string): void {
    // Most reports are of calls alone, and those are many.
    if (!text.includes('"feedback":{"')) return;
    const report = read(text);
    if (!report) return;
    for (const { feedback } of report.arms)
      for (const metric of Object.keys(feedback)) this.hear(keyOf(report.endpoint, metric));
  }

  /** Throws BAD_REQUEST for a metric that nobody reports and that the spec does not call new. */
  async check({ endpoint, analysis }: ReleaseSpec): Promise<void> {
    const asked = (analysis?.metrics ?? []).filter(isFeedback).filter(({ newMetric }) => newMetric !== true);
    if (asked.every(({ metric }) => this.knows(endpoint, metric))) return;
    const listenedMs = this.clock.monotonicMs() - this.sinceMs;
    if (listenedMs < LISTENED_MS_MIN) await this.clock.sleep(LISTENED_MS_MIN - listenedMs);
    const silent = asked.find(({ metric }) => !this.knows(endpoint, metric));
    if (!silent) return;
    throw failure(
      'BAD_REQUEST',
      `Nobody reports the metric "${silent.metric}" of "${endpoint}": send it with POST /v2/feedback, massif.feedback or client.feedback(), or say "newMetric": true where it only begins with this release.`,
      { metric: silent.metric },
    );
  }

  private knows(endpoint: string, metric: string): boolean {
    const heardMs = this.heardMs.get(keyOf(endpoint, metric));
    return heardMs !== undefined && this.clock.monotonicMs() - heardMs < REMEMBERED_MS;
  }

  /** The one that was silent longest goes first. */
  private hear(key: string): void {
    this.heardMs.delete(key);
    this.heardMs.set(key, this.clock.monotonicMs());
    const [oldest] = this.heardMs.keys();
    if (oldest !== undefined && this.heardMs.size > METRICS_MAX) this.heardMs.delete(oldest);
  }
}

const isFeedback = (metric: Metric): metric is Extract<Metric, { kind: 'feedback' }> =>
  metric.kind === 'feedback';

const keyOf = (endpoint: string, metric: string): string => `${endpoint} ${metric}`;

function read(text: string): EvidenceReport | undefined {
  try {
    return EvidenceReport.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
