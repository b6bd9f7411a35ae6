// Requests, replicas and a scaler in simulated time: one queue, first come first served, each replica serves one request at once, and
// takes a while to start. `bench scale` and the tests of the policy replay loads through it.
import { EndTimes } from './end-times.js';

export interface Arrival {
  readonly atMs: number;
  /** What it takes alone. */
  readonly serviceMs: number;
}

/** What a scaler may see: no arrival to come, no service that has not ended. */
export interface View {
  readonly arrived: number;
  readonly running: number;
  readonly queued: number;
  /** Of requests that have ended: how many, the sum of their services and of the squares. */
  readonly ended: number;
  readonly endedMs: number;
  readonly endedSquares: number;
}

export interface Scaler {
  readonly tickMs: number;
  desired(atMs: number, view: View): number;
}

export interface Replay {
  readonly requests: number;
  /** Answered later than the slowdown allows. */
  readonly slow: number;
  /** From the wish for each replica to its end, its last request included. */
  readonly replicaMs: number;
  readonly meanReplicas: number;
  /** Wishes that went the other way than the last one. */
  readonly reversals: number;
  readonly most: number;
}

export interface QueueOptions {
  readonly startMs: number;
  readonly slowdownMax: number;
  readonly initial: number;
}

export class QueueSimulator implements View {
  arrived = 0;
  running = 0;
  ended = 0;
  endedMs = 0;
  endedSquares = 0;
  slow = 0;
  replicaMs = 0;
  private nowMs = 0;
  private ready: number;
  /** To go as soon as their request has ended. */
  private leaving = 0;
  private starts: number[] = [];
  private ends = new EndTimes();
  private queue: Arrival[] = [];
  private head = 0;

  constructor(
    private readonly load: readonly Arrival[],
    private readonly options: QueueOptions,
  ) {
    this.ready = options.initial;
  }

  get queued(): number {
    return this.queue.length - this.head;
  }

  /** Lets time pass. With `closed` nobody arrives any more. */
  advance(toMs: number, closed = false): void {
    for (;;) {
      const arrival = closed ? undefined : this.load[this.arrived];
      const next = Math.min(
        toMs,
        arrival?.atMs ?? Infinity,
        this.ends.first ?? Infinity,
        this.starts[0] ?? Infinity,
      );
      this.replicaMs += (this.ready + this.starts.length + this.leaving) * (next - this.nowMs);
      this.nowMs = next;
      if (this.starts[0] === next) {
        this.starts.shift();
        this.ready++;
      } else if (this.ends.first === next) this.end();
      else if (arrival?.atMs === next) {
        this.arrived++;
        this.queue.push(arrival);
      } else return;
      this.begin();
    }
  }

  scale(desired: number): void {
    let more = desired - this.ready - this.starts.length;
    if (more > 0) {
      const back = Math.min(more, this.leaving);
      this.leaving -= back;
      this.ready += back;
      for (more -= back; more > 0; more--) this.starts.push(this.nowMs + this.options.startMs);
      this.begin();
      return;
    }
    let fewer = -more;
    const unborn = Math.min(fewer, this.starts.length);
    this.starts.length -= unborn;
    fewer -= unborn;
    const idle = Math.min(fewer, this.ready + this.leaving - this.running);
    this.ready -= fewer;
    this.leaving += fewer - idle;
  }

  clone(): QueueSimulator {
    const copy = Object.assign(new QueueSimulator(this.load, this.options), this);
    copy.starts = [...this.starts];
    copy.ends = this.ends.clone();
    copy.queue = this.queue.slice(this.head);
    copy.head = 0;
    return copy;
  }

  private begin(): void {
    while (this.running - this.leaving < this.ready && this.queued > 0) {
      const request = this.queue[this.head++] as Arrival;
      if (this.head > 1_024) {
        this.queue = this.queue.slice(this.head);
        this.head = 0;
      }
      const endMs = this.nowMs + request.serviceMs;
      this.running++;
      this.ends.push(endMs, request.serviceMs);
      if (endMs - request.atMs > this.options.slowdownMax * request.serviceMs) this.slow++;
    }
  }

  private end(): void {
    const serviceMs = this.ends.pop();
    this.running--;
    this.ended++;
    this.endedMs += serviceMs;
    this.endedSquares += serviceMs * serviceMs;
    if (this.leaving > 0) this.leaving--;
  }
}

/** The whole load through a scaler that is asked every tick. */
export function replay(load: readonly Arrival[], scaler: Scaler, options: QueueOptions): Replay {
  const queue = new QueueSimulator(load, options);
  const endMs = load.at(-1)?.atMs ?? 0;
  let [wish, direction, reversals, most] = [options.initial, 0, 0, options.initial];
  for (let atMs = 0; atMs <= endMs; atMs += scaler.tickMs) {
    queue.advance(atMs);
    const desired = scaler.desired(atMs, queue);
    const turn = Math.sign(desired - wish);
    if (turn !== 0) {
      if (direction !== 0 && turn !== direction) reversals++;
      direction = turn;
      wish = desired;
      most = Math.max(most, desired);
    }
    queue.scale(desired);
  }
  queue.advance(endMs);
  const { replicaMs } = queue;
  // What still waits begins and ends, so that none is forgotten.
  queue.scale(Math.max(1, wish));
  queue.advance(Infinity, true);
  return {
    requests: load.length,
    slow: queue.slow,
    replicaMs,
    meanReplicas: replicaMs / endMs,
    reversals,
    most,
  };
}
