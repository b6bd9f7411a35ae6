// What a replica counts for the statistics of contracts/statistics.ts: plain numbers that grow, nothing is made per request.
import type {
  BatchStatistics,
  Duration,
  InferStatistics,
  SchedulingCounts,
} from '../../../contracts/statistics.js';
import { ROW_RUNGS } from './latency-curve.js';

/** Count and milliseconds of one kind of work. */
class Sum {
  private count = 0;
  private ms = 0;

  add(ms: number, count = 1): void {
    this.count += count;
    this.ms += ms * count;
  }

  get duration(): Duration {
    return { count: this.count, ns: Math.round(this.ms * 1e6) };
  }
}

/** Where the time of a run went. */
export interface RunTimes {
  readonly inputMs: number;
  readonly inferMs: number;
  readonly outputMs: number;
}

class Steps {
  readonly input = new Sum();
  readonly infer = new Sum();
  readonly output = new Sum();

  add({ inputMs, inferMs, outputMs }: RunTimes, count: number): void {
    this.input.add(inputMs, count);
    this.infer.add(inferMs, count);
    this.output.add(outputMs, count);
  }

  get durations(): Pick<BatchStatistics, 'compute_input' | 'compute_infer' | 'compute_output'> {
    return {
      compute_input: this.input.duration,
      compute_infer: this.infer.duration,
      compute_output: this.output.duration,
    };
  }
}

export class Counts {
  lastInferenceMs = 0;
  rows = 0;
  runs = 0;
  expired = 0;
  hopeless = 0;
  displaced = 0;
  full = 0;
  cancelled = 0;
  overdue = 0;
  private readonly success = new Sum();
  private readonly fail = new Sum();
  private readonly queue = new Sum();
  private readonly hits = new Sum();
  private readonly misses = new Sum();
  private readonly steps = new Steps();
  private readonly sizes = new Map<number, Steps>();

  answered(heldMs: number): void {
    this.success.add(heldMs);
  }

  /** A kept answer was asked for. */
  looked(cache: 'hit' | 'miss', heldMs: number): void {
    (cache === 'hit' ? this.hits : this.misses).add(heldMs);
  }

  failed(heldMs: number): void {
    this.fail.add(heldMs);
  }

  queued(ms: number): void {
    this.queue.add(ms);
  }

  ran(times: RunTimes, requests: number, rows: number, nowMs: number): void {
    this.lastInferenceMs = nowMs;
    this.runs++;
    this.rows += rows;
    this.steps.add(times, requests);
    const size = ROW_RUNGS.find((rung) => rung >= rows) ?? ROW_RUNGS[ROW_RUNGS.length - 1] ?? 1;
    let steps = this.sizes.get(size);
    if (steps === undefined) this.sizes.set(size, (steps = new Steps()));
    steps.add(times, 1);
  }

  get served(): number {
    return this.success.duration.count;
  }

  get refused(): number {
    return this.fail.duration.count;
  }

  get inferStatistics(): InferStatistics {
    return {
      success: this.success.duration,
      fail: this.fail.duration,
      queue: this.queue.duration,
      ...this.steps.durations,
      cache_hit: this.hits.duration,
      cache_miss: this.misses.duration,
    };
  }

  get batchStatistics(): BatchStatistics[] {
    return [...this.sizes]
      .toSorted(([a], [b]) => a - b)
      .map(([batch_size, steps]) => ({ batch_size, ...steps.durations }));
  }

  get scheduling(): SchedulingCounts {
    const { expired, hopeless, displaced, full, cancelled, overdue } = this;
    return { expired, hopeless, displaced, full, cancelled, overdue };
  }
}
