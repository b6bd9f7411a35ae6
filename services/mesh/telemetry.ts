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

export class Metrics {
  /** One for each part of a metric's label sets: the first parts of all metrics lie in the first, and so on. */
  private readonly registries: Registry[] = [];
  private readonly known = new Map<string, unknown>();

  /** `labels` are on every line: which process, which region. */
  constructor(
    private readonly labels: Labels,
    clock: Pick<Clock, 'now'>,
  ) {
    this.describeProcess(clock.now());
  }

  /** The same name is the same metric: two callers share it. */
  counter(name: string, { help, labels = [] }: MetricOptions) {
    return this.once(name, () => {
      const about = { name, help, labelNames: [...labels] };
      const sets = new LabelSets((part) => new Counter({ ...about, registers: [this.registry(part)] }));
      return {
        inc: (values: Labels = {}, by = 1): void => sets.with(values, (counter, its) => counter.inc(its, by)),
      };
    });
  }

  gauge(name: string, { help, labels = [] }: MetricOptions) {
    return this.once(name, () => {
      const about = { name, help, labelNames: [...labels] };
      const sets = new LabelSets((part) => new Gauge({ ...about, registers: [this.registry(part)] }));
      return {
        set: (values: Labels, value: number): void =>
          sets.with(values, (gauge, its) => gauge.set(its, value)),
        /** What it was about is gone. */
        remove: (values: Labels): void => sets.forget(values),
      };
    });
  }

  histogram(
    name: string,
    { help, labels = [], buckets = LATENCY_BUCKETS_S }: MetricOptions & { buckets?: number[] },
  ) {
    return this.once(name, () => {
      const about = { name, help, labelNames: [...labels], buckets };
      const sets = new LabelSets((part) => new Histogram({ ...about, registers: [this.registry(part)] }));
      return {
        observe: (values: Labels, value: number): void =>
          sets.with(values, (histogram, its) => histogram.observe(its, value)),
      };
    });
  }

  /**
   * Of one metric, empty where the process has none of that name; or of all. What the loop is asked for meanwhile goes first between two
   * parts: with a thousand endpoints a page in one piece took 110 to 170 ms. A metric of several parts is introduced in each; whoever joins
   * the pages of processes joins those too.
   */
  async text(name?: string): Promise<string> {
    const pages: string[] = [];
    for (const registry of this.registries) {
      if (name === undefined) pages.push(await registry.metrics());
      else if (registry.getSingleMetric(name)) pages.push(await registry.getSingleMetricAsString(name), '\n');
      else break;
      await setImmediate();
    }
    return pages.join('');
  }

  private registry(part: number): Registry {
    const known = this.registries[part];
    if (known) return known;
    const registry = new Registry();
    registry.setDefaultLabels({ ...this.labels });
    this.registries[part] = registry;
    return registry;
  }

  private once<T>(name: string, make: () => T): T {
    const known = this.known.get(name) as T | undefined;
    if (known) return known;
    const made = make();
    this.known.set(name, made);
    return made;
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
