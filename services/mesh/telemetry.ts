// Counts and durations of a process, in Prometheus' text form. Policies say what happened, wrappers count it here; the gateway
// collects all processes of its region (`massif.metrics.<region>`) and serves them on /metrics.
import { setImmediate } from 'node:timers/promises';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Clock } from './clock.js';
import { type Labels, LabelSets } from './label-sets.js';

export interface MetricOptions {
  readonly help: string;
  readonly labels?: readonly string[];
}

/** From a tiny model's half millisecond to the default deadline. */
const LATENCY_BUCKETS_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** A line each. */
const SETS_A_PART = 32;
/** Of a histogram, which has a line for each edge: what was told lately is written without what was not. */
const HISTOGRAMS_A_PART = 1;

export interface TextOptions {
  /** Of one metric, empty where the process has none of that name; of all when not given. */
  readonly name?: string | undefined;
  /** Of that metric, only what was told within so long, and the rest of its part. */
  readonly withinMs?: number | undefined;
}

interface Known<T> {
  readonly metric: T;
  readonly sets: { toldSince(ms: number): number[] };
}

export class Metrics {
  /** One for each part of a metric's label sets: the first parts of all metrics lie in the first, and so on. */
  private readonly registries: Registry[] = [];
  private readonly known = new Map<string, Known<unknown>>();

  /** `labels` are on every line: which process, which region. */
  constructor(
    private readonly labels: Labels,
    private readonly clock: Pick<Clock, 'now'>,
  ) {
    this.describeProcess(clock.now());
  }

  /** The same name is the same metric: two callers share it. */
  counter(name: string, { help, labels = [] }: MetricOptions) {
    return this.once(name, () => {
      const about = { name, help, labelNames: [...labels] };
      const sets = this.sets(SETS_A_PART, (registers) => new Counter({ ...about, registers }));
      const inc = (values: Labels = {}, by = 1): void =>
        sets.with(values, (counter, its) => counter.inc(its, by));
      return { sets, metric: { inc } };
    });
  }

  gauge(name: string, { help, labels = [] }: MetricOptions) {
    return this.once(name, () => {
      const about = { name, help, labelNames: [...labels] };
      const sets = this.sets(SETS_A_PART, (registers) => new Gauge({ ...about, registers }));
      const set = (values: Labels, value: number): void =>
        sets.with(values, (gauge, its) => gauge.set(its, value));
      /** What it was about is gone. */
      const remove = (values: Labels): void => sets.forget(values);
      return { sets, metric: { set, remove } };
    });
  }

  histogram(
    name: string,
    { help, labels = [], buckets = LATENCY_BUCKETS_S }: MetricOptions & { buckets?: number[] },
  ) {
    return this.once(name, () => {
      const about = { name, help, labelNames: [...labels], buckets };
      const sets = this.sets(HISTOGRAMS_A_PART, (registers) => new Histogram({ ...about, registers }));
      const observe = (values: Labels, value: number): void =>
        sets.with(values, (histogram, its) => histogram.observe(its, value));
      return { sets, metric: { observe } };
    });
  }

  /**
   * What the loop is asked for meanwhile goes first between two parts: with a thousand endpoints a page in one piece took 110 to 170 ms. A metric
   * of several parts is introduced in each; whoever joins the pages of processes joins those too.
   */
  async text({ name, withinMs }: TextOptions = {}): Promise<string> {
    const pages: string[] = [];
    for (const registry of this.partsOf(name, withinMs)) {
      if (name === undefined) pages.push(await registry.metrics());
      else if (registry.getSingleMetric(name)) pages.push(await registry.getSingleMetricAsString(name), '\n');
      else break;
      await setImmediate();
    }
    return pages.join('');
  }

  private partsOf(name: string | undefined, withinMs: number | undefined): readonly Registry[] {
    const known = name === undefined ? undefined : this.known.get(name);
    if (!known || withinMs === undefined) return this.registries;
    return known.sets.toldSince(this.clock.now() - withinMs).map((part) => this.registry(part));
  }

  private sets<M extends { remove(labels: Labels): void }>(
    setsAPart: number,
    make: (registers: [Registry]) => M,
  ): LabelSets<M> {
    return new LabelSets(
      (part) => make([this.registry(part)]),
      setsAPart,
      () => this.clock.now(),
    );
  }

  private registry(part: number): Registry {
    const known = this.registries[part];
    if (known) return known;
    const registry = new Registry();
    registry.setDefaultLabels({ ...this.labels });
    this.registries[part] = registry;
    return registry;
  }

  private once<T>(name: string, make: () => Known<T>): T {
    const known = this.known.get(name) as Known<T> | undefined;
    if (known) return known.metric;
    const made = make();
    this.known.set(name, made);
    return made.metric;
  }

  /** Read when somebody asks. prom-client's own collection keeps a timer of 10 ms for the event loop's delay. */
  private describeProcess(startedMs: number): void {
    const registers = [this.registry(0)];
    let before = performance.eventLoopUtilization();
    new Gauge({
      name: 'process_start_time_seconds',
      help: 'When the process began.',
      registers,
    }).set(startedMs / 1e3);
    new Gauge({
      name: 'process_resident_memory_bytes',
      help: 'Memory that the process has in RAM.',
      registers,
      collect() {
        this.set(process.memoryUsage.rss());
      },
    });
    new Gauge({
      name: 'process_cpu_seconds_total',
      help: 'Processor time used since the start.',
      registers,
      collect() {
        const { user, system } = process.cpuUsage();
        this.set((user + system) / 1e6);
      },
    });
    new Gauge({
      name: 'nodejs_eventloop_utilization',
      help: 'Share of the time since the last reading in which the event loop was busy.',
      registers,
      collect() {
        const now = performance.eventLoopUtilization();
        this.set(performance.eventLoopUtilization(now, before).utilization);
        before = now;
      },
    });
  }
}
