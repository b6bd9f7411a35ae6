// Counts and durations of a process, in Prometheus' text form. Policies say what happened, wrappers count it here; the gateway
// collects all processes of its region (`massif.metrics.<region>`) and serves them on /metrics.
import type { Clock } from './clock.js';
import { type About, histograms, type Labels, levels, type MetricFamily, observe } from './metric-family.js';

export interface MetricOptions {
  readonly help: string;
  readonly labels?: readonly string[];
}

/** From a tiny model's half millisecond to the default deadline. */
const LATENCY_BUCKETS_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export class Metrics {
  private readonly families = new Map<string, Pick<MetricFamily<unknown>, 'text'>>();
  private readonly known = new Map<string, unknown>();

  /** `common` labels are on every line: which process, which region. */
  constructor(
    private readonly common: Labels,
    clock: Pick<Clock, 'now'>,
  ) {
    this.describeProcess(clock.now());
  }

  /** The same name is the same metric: two callers share it. */
  counter(name: string, options: MetricOptions) {
    return this.once(name, () => {
      const family = this.keep(name, levels(this.about(name, 'counter', options)));
      return { inc: (values: Labels = {}, by = 1): void => void (family.of(values).value += by) };
    });
  }

  gauge(name: string, options: MetricOptions) {
    return this.once(name, () => {
      const family = this.keep(name, levels(this.about(name, 'gauge', options)));
      return {
        set: (values: Labels, value: number): void => void (family.of(values).value = value),
        /** What it was about is gone. */
        remove: (values: Labels): void => family.forget(values),
      };
    });
  }

  histogram(
    name: string,
    { buckets = LATENCY_BUCKETS_S, ...options }: MetricOptions & { buckets?: number[] },
  ) {
    return this.once(name, () => {
      const family = this.keep(name, histograms(this.about(name, 'histogram', options), buckets));
      return {
        observe: (values: Labels, value: number): void => observe(family.of(values), buckets, value),
      };
    });
  }

  /** Of one metric, empty where the process has none of that name; or of all. */
  text(name?: string): string {
    if (name !== undefined) return this.families.get(name)?.text() ?? '';
    return [...this.families.values()].map((family) => family.text()).join('\n');
  }

  private about(name: string, type: About['type'], { help, labels = [] }: MetricOptions): About {
    return { name, help, type, labels, common: this.common };
  }

  private keep<T>(name: string, family: MetricFamily<T>): MetricFamily<T> {
    this.families.set(name, family);
    return family;
  }

  private once<T>(name: string, make: () => T): T {
    const known = this.known.get(name) as T | undefined;
    if (known) return known;
    const made = make();
    this.known.set(name, made);
    return made;
  }

  /** Read when somebody asks. */
  private describeProcess(startedMs: number): void {
    let before = performance.eventLoopUtilization();
    const read = (name: string, help: string, now: () => number): void => {
      const family = levels(this.about(name, 'gauge', { help }));
      this.families.set(name, {
        text: () => {
          family.of({}).value = now();
          return family.text();
        },
      });
    };
    read('process_start_time_seconds', 'When the process began.', () => startedMs / 1e3);
    read('process_resident_memory_bytes', 'Memory that the process has in RAM.', () =>
      process.memoryUsage.rss(),
    );
    read('process_cpu_seconds_total', 'Processor time used since the start.', () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    });
    read(
      'nodejs_eventloop_utilization',
      'Share of the time since the last reading in which the event loop was busy.',
      () => {
        const now = performance.eventLoopUtilization();
        const { utilization } = performance.eventLoopUtilization(now, before);
        before = now;
        return utilization;
      },
    );
  }
}
