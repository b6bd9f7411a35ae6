// Counts and durations of a process, in Prometheus' text form. Policies say what happened, wrappers count it here; the gateway
// collects all processes of its region (`massif.metrics.<region>`) and serves them on /metrics.
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Clock } from './clock.js';

type Labels = Readonly<Record<string, string>>;

export interface MetricOptions {
  readonly help: string;
  readonly labels?: readonly string[];
}

/** From a tiny model's half millisecond to the default deadline. */
const LATENCY_BUCKETS_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

// Labels may come from callers (endpoint names): beyond this many combinations of one metric the rest is counted as `other`.
const LABEL_SETS_MAX = 1_000;

export class Metrics {
  private readonly registry = new Registry();
  private readonly known = new Map<string, unknown>();

  /** `labels` are on every line: which process, which region. */
  constructor(labels: Labels, clock: Pick<Clock, 'now'>) {
    this.registry.setDefaultLabels({ ...labels });
    this.describeProcess(clock.now());
  }

  /** The same name is the same metric: two callers share it. */
  counter(name: string, { help, labels = [] }: MetricOptions) {
    return this.once(name, () => {
      const counter = new Counter({ name, help, labelNames: [...labels], registers: [this.registry] });
      const bound = boundedLabels();
      return { inc: (values: Labels = {}, by = 1): void => counter.inc(bound.of(values), by) };
    });
  }

  gauge(name: string, { help, labels = [] }: MetricOptions) {
    return this.once(name, () => {
      const gauge = new Gauge({ name, help, labelNames: [...labels], registers: [this.registry] });
      const bound = boundedLabels();
      return {
        set: (values: Labels, value: number): void => gauge.set(bound.of(values), value),
        /** What it was about is gone. */
        remove: (values: Labels): void => {
          if (bound.forget(values)) gauge.remove({ ...values });
        },
      };
    });
  }

  histogram(
    name: string,
    { help, labels = [], buckets = LATENCY_BUCKETS_S }: MetricOptions & { buckets?: number[] },
  ) {
    return this.once(name, () => {
      const histogram = new Histogram({
        name,
        help,
        labelNames: [...labels],
        buckets,
        registers: [this.registry],
      });
      const bound = boundedLabels();
      return { observe: (values: Labels, value: number): void => histogram.observe(bound.of(values), value) };
    });
  }

  text(): Promise<string> {
    return this.registry.metrics();
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
    const registers = [this.registry];
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

function boundedLabels() {
  const seen = new Set<string>();
  const keyOf = (values: Labels): string => Object.values(values).join('\u0000');
  return {
    of: (values: Labels): Record<string, string> => {
      const key = keyOf(values);
      if (seen.has(key)) return values;
      if (seen.size < LABEL_SETS_MAX) {
        seen.add(key);
        return values;
      }
      return Object.fromEntries(Object.keys(values).map((name) => [name, 'other']));
    },
    /** False for what counts as `other`. */
    forget: (values: Labels): boolean => seen.delete(keyOf(values)),
  };
}
