// The label sets of one metric, cut into parts of a few: a part is a metric of the library by itself, written out in one piece, and pages are
// written on the loop that calls wait for. Telemetry makes its metrics of them.

export type Labels = Readonly<Record<string, string>>;

/** Labels may come from callers (endpoint names): beyond so many sets of one metric the rest is counted as `other`. */
const SETS_MAX = 1_000;

interface Part<Metric> {
  readonly metric: Metric;
  sets: number;
  toldMs: number;
}

export class LabelSets<Metric extends { remove(labels: Labels): void }> {
  private readonly known = new Map<string, Part<Metric>>();
  private readonly parts: Part<Metric>[] = [];

  /** `make`: the metric of a part, by the number of the part, for so many sets. */
  constructor(
    private readonly make: (part: number) => Metric,
    private readonly setsAPart: number,
    private readonly nowMs: () => number,
  ) {
    this.roomy();
  }

  /** Tells the metric that has these labels, and the labels under which it counts them. */
  with(labels: Labels, tell: (metric: Metric, labels: Labels) => void): void {
    const key = keyOf(labels);
    const part = this.known.get(key) ?? (this.known.size < SETS_MAX ? this.enter(key) : undefined);
    if (part) return this.tellPart(part, labels, tell);
    const other = Object.fromEntries(Object.keys(labels).map((name) => [name, 'other']));
    this.tellPart(this.parts[0] as Part<Metric>, other, tell);
  }

  /** Numbers of the parts that were told anything since then. */
  toldSince(ms: number): number[] {
    return this.parts.flatMap(({ toldMs }, number) => (toldMs >= ms ? [number] : []));
  }

  /** What they were about is gone; what was counted as `other` stays. */
  forget(labels: Labels): void {
    const key = keyOf(labels);
    const part = this.known.get(key);
    if (!part) return;
    this.known.delete(key);
    part.sets--;
    part.metric.remove(labels);
  }

  private tellPart(part: Part<Metric>, labels: Labels, tell: (metric: Metric, labels: Labels) => void): void {
    part.toldMs = this.nowMs();
    tell(part.metric, labels);
  }

  private enter(key: string): Part<Metric> {
    const part = this.roomy();
    part.sets++;
    this.known.set(key, part);
    return part;
  }

  private roomy(): Part<Metric> {
    const found = this.parts.find(({ sets }) => sets < this.setsAPart);
    if (found) return found;
    const part = { metric: this.make(this.parts.length), sets: 0, toldMs: Number.NEGATIVE_INFINITY };
    this.parts.push(part);
    return part;
  }
}

const keyOf = (labels: Labels): string => Object.values(labels).join('\u0000');
