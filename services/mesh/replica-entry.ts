// What we know of one replica, and the requests of ours that it holds. The shard table keeps it current, the route reads it, and
// every request that goes out is a Flight that must end in one of a few words.
import assert from 'node:assert';
import type { ReplicaReport } from '../../contracts/heartbeat.js';
import type { Breaker, Breakers, Settle } from './breaker.js';
import { PeakEwma } from './ewma.js';
import { Penalty } from './penalty.js';
import type { ReplicaView } from './tier.js';

/**
 * `refused`: answered, and the request was to blame. `full`: at capacity. `timedOut`: no answer in the time of an attempt.
 * `unreachable`: nobody listened. `abandoned`: ended for reasons that say nothing of the replica.
 */
export type FlightEnd =
  'succeeded' | 'refused' | 'full' | 'failed' | 'timedOut' | 'unreachable' | 'abandoned';

/** No connection leads there. */
export const NO_LINK = -1;

export class ReplicaEntry implements ReplicaView {
  ready = false;
  leaving = false;
  /** Open ones, as it said last and as we began since. */
  sequences = 0;
  /** Index of the connection to use; NO_LINK when it was not heard of lately. */
  link = NO_LINK;
  /** Connections, as bits, over which nobody answered for it since it was last heard there. */
  lostLinks = 0;
  /** As of the table's last turn; who waits is woken when it becomes so. */
  wasUsable = false;
  capacity = 1;
  /** The batch it found to pay. */
  batchMax = 1;
  penalty = 0;
  epoch = -1;
  private own = 0;
  private others = 0;
  private reportedMs = 0;
  private readonly observed = new PeakEwma();
  private readonly failures = new Penalty();
  private breaker: Breaker | undefined;
  private readonly flights = new Set<Flight>();

  constructor(
    readonly id: string,
    readonly shard: string,
    readonly region: string,
    readonly version: string,
    readonly hash: number,
    private readonly breakers: Breakers,
  ) {}

  get fresh(): boolean {
    return this.link !== NO_LINK;
  }

  /** Ours, and what others had there when it last said so. */
  get inFlight(): number {
    return this.own + this.others;
  }

  /** What we saw ourselves; before that, what it says of itself. 0: nobody knows. */
  get latencyMs(): number {
    return this.observed.known ? this.observed.valueMs : this.reportedMs;
  }

  get blocked(): boolean {
    return this.breaker?.blocked() ?? false;
  }

  /** A request of ours goes there. Undefined when the breaker lets none through; who gets a flight must end it. */
  begin(link: number, nowMs: number, onLost: (flight: Flight) => void): Flight | undefined {
    this.breaker ??= this.breakers.make(this.id);
    const settle = this.breaker.admit();
    if (!settle) return undefined;
    const flight = new Flight(this, link, nowMs, settle, onLost);
    this.flights.add(flight);
    this.own++;
    return flight;
  }

  /** A sequence of ours was begun there. */
  seated(): void {
    this.sequences++;
  }

  report(report: ReplicaReport, ready: boolean, nowMs: number): void {
    this.ready = ready;
    this.leaving = !ready && (report.state === 'draining' || report.state === 'ready');
    this.sequences = report.sequences?.open ?? 0;
    this.capacity = report.capacity;
    this.batchMax = report.batchMax;
    this.epoch = report.epoch;
    this.others = Math.max(0, report.inFlight - this.own);
    this.reportedMs = report.latencyMs;
    // A replica that nobody asks because it was slow once would stay slow for ever in our books.
    if (this.observed.known && this.reportedMs < this.observed.valueMs)
      this.observed.observe(this.reportedMs, nowMs);
  }

  /** What is under way over these connections (bits) will not be answered. */
  lose(links: number): void {
    for (const flight of Array.from(this.flights)) if (links & (1 << flight.link)) flight.onLost(flight);
  }

  fade(nowMs: number): void {
    if (this.penalty > 0) this.penalty = this.failures.valueAt(nowMs);
  }

  close(): void {
    this.ready = false;
    this.lose(~0);
    this.breaker?.close();
  }

  /** For Flight alone. */
  landed(flight: Flight, end: FlightEnd, nowMs: number): void {
    this.own--;
    this.flights.delete(flight);
    switch (end) {
      case 'succeeded':
        this.observed.observe(nowMs - flight.startedMs, nowMs);
        if (this.penalty > 0) this.penalty = this.failures.succeeded();
        return;
      case 'timedOut':
        this.observed.observe(nowMs - flight.startedMs, nowMs); // at least that
        this.penalty = this.failures.failed(nowMs);
        return;
      case 'failed':
        this.penalty = this.failures.failed(nowMs);
        return;
      case 'full':
        this.others = Math.max(this.others, this.capacity);
        return;
      case 'unreachable':
        this.lostLinks |= 1 << flight.link;
        this.link = NO_LINK; // the table looks for another way at its next turn
        this.lose(1 << flight.link);
        return;
      case 'refused':
      case 'abandoned':
    }
  }
}

/** What callers of replicas see of a request under way: a flight, or the journey of a pipeline over several. */
export interface Trip {
  readonly replica: ReplicaEntry;
  readonly link: number;
  readonly startedMs: number;
  readonly over: boolean;
  end(end: FlightEnd, nowMs: number): void;
}

/** One request under way to one replica over one connection. */
export class Flight implements Trip {
  private landed = false;

  constructor(
    readonly replica: ReplicaEntry,
    readonly link: number,
    public startedMs: number,
    private readonly settle: Settle,
    readonly onLost: (flight: Flight) => void,
  ) {}

  get over(): boolean {
    return this.landed;
  }

  end(end: FlightEnd, nowMs: number): void {
    assert(!this.landed, `a flight to ${this.replica.id} ended twice`);
    this.landed = true;
    this.settle(BREAKER_WORDS[end]);
    this.replica.landed(this, end, nowMs);
  }
}

const BREAKER_WORDS = {
  succeeded: 'succeeded',
  refused: 'succeeded',
  full: 'abandoned',
  failed: 'failed',
  timedOut: 'failed',
  unreachable: 'failed',
  abandoned: 'abandoned',
} as const satisfies Record<FlightEnd, string>;
