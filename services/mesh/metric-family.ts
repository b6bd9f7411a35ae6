// One metric with a series for each set of labels it was told of, and its lines in Prometheus' text form. Telemetry makes them; doors count
// every call in one. A page is written on the loop that calls wait for: labels are put into words once, when a set is new.

export type Labels = Readonly<Record<string, string>>;

export interface About {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Of every set, in the order in which they are written. */
  readonly labels: readonly string[];
  /** On every line: which process, which region. */
  readonly common: Labels;
}

/** Labels may come from callers (endpoint names): beyond so many sets of one metric the rest is counted as `other`. */
const LABEL_SETS_MAX = 1_000;

interface Series<T> {
  readonly labels: string;
  readonly held: T;
}

export class MetricFamily<T> {
  private readonly series = new Map<string, Series<T>>();

  /** `lines` of one series: its value under the metric's name and its labels as they are written. */
  constructor(
    private readonly about: About,
    private readonly fresh: () => T,
    private readonly lines: (held: T, name: string, labels: string) => string,
  ) {
    // What has no labels is there from the beginning.
    if (about.labels.length === 0) this.of({});
  }

  of(values: Labels): T {
    const { labels } = this.about;
    const key = keyOf(labels, values);
    const known = this.series.get(key);
    if (known) return known.held;
    if (this.series.size < LABEL_SETS_MAX) return this.enter(key, values);
    const other = Object.fromEntries(labels.map((label) => [label, 'other']));
    const rest = keyOf(labels, other);
    return this.series.get(rest)?.held ?? this.enter(rest, other);
  }

  /** What it was about is gone. */
  forget(values: Labels): void {
    this.series.delete(keyOf(this.about.labels, values));
  }

  text(): string {
    const { name, help, type } = this.about;
    let text = `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n`;
    for (const { labels, held } of this.series.values()) text += this.lines(held, name, labels);
    return text;
  }

  private enter(key: string, values: Labels): T {
    const { labels, common } = this.about;
    const own = labels.flatMap((label) => (values[label] === undefined ? [] : [[label, values[label]]]));
    const words = [...own, ...Object.entries(common)].map(
      ([label, value = '']) => `${label}="${escaped(value)}"`,
    );
    const held = this.fresh();
    this.series.set(key, { labels: words.join(), held });
    return held;
  }
}

/** One number a series. */
export interface Level {
  value: number;
}

export const levels = (about: About): MetricFamily<Level> =>
  new MetricFamily(
    about,
    () => ({ value: 0 }),
    ({ value }, name, labels) => `${name}{${labels}} ${written(value)}\n`,
  );

export interface Durations {
  /** Up to each edge and above the one before; the last above all. */
  readonly counts: number[];
  sum: number;
}

export const histograms = (about: About, edges: readonly number[]): MetricFamily<Durations> =>
  new MetricFamily(
    about,
    () => ({ counts: Array.from({ length: edges.length + 1 }, () => 0), sum: 0 }),
    ({ counts, sum }, name, labels) => {
      let text = '';
      let count = 0;
      for (let i = 0; i < counts.length; i++) {
        count += counts[i] ?? 0;
        text += `${name}_bucket{le="${edges[i] ?? '+Inf'}",${labels}} ${count}\n`;
      }
      return `${text}${name}_sum{${labels}} ${written(sum)}\n${name}_count{${labels}} ${count}\n`;
    },
  );

export function observe(durations: Durations, edges: readonly number[], value: number): void {
  const { counts } = durations;
  let i = 0;
  while (i < edges.length && value > (edges[i] ?? 0)) i++;
  counts[i] = (counts[i] ?? 0) + 1;
  durations.sum += value;
}

const keyOf = (labels: readonly string[], values: Labels): string =>
  labels.map((label) => values[label] ?? '').join('\u0000');

const written = (value: number): string =>
  Number.isFinite(value) ? String(value) : Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';

const escaped = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
