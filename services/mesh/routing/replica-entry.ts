// What we know of one replica, and the requests of ours that it holds. The shard table keeps it current, the route reads it, and
// every request that goes out is a Flight that must end in one of a few words.
import assert from 'node:assert';
import type { ReplicaReport } from '../../../contracts/heartbeat.js';
import type { Breaker, Breakers, Settle } from '../breaker.js';
import { PeakEwma } from '../ewma.js';
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
  pool: string | undefined;
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
  itemMs = 0;
  fullUntilMs = 0;
  own = 0;
  private others = 0;
  private reportedMs = 0;
  private told = Number.POSITIVE_INFINITY;
  /** Our share of its limit: others send there too, and what it refuses says how much they do. */
  private share = Number.POSITIVE_INFINITY;
  private cutMs = Number.NEGATIVE_INFINITY;
  private readonly observed = new PeakEwma();
  /** The same, but fading while we ask it nothing: whoever was slow is tried again some time. */
  private readonly felt = new PeakEwma(0, KEPT);
  private fadedMs = 0;
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

  get limit(): number {
    return Math.min(this.capacity, this.told, Math.max(1, Math.floor(this.share)));
  }

  /** For choosing among replicas: what we saw lately; before that, what it says of itself. 0: nobody knows. */
  get latencyMs(): number {
    return this.felt.known ? this.felt.valueMs : this.reportedMs;
  }

  /** For waiting: what we saw whenever that was. A model of seconds is no faster for not being asked. */
  get patienceMs(): number {
    return this.observed.known ? this.observed.valueMs : this.reportedMs;
  }

  /** Whether we know by ourselves how long it takes: by an answer, or by waiting for one in vain. */
  get seen(): boolean {
    return this.observed.known;
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

  /** What we had given up was answered after all. */
  answeredLate(): void {
    this.breaker?.vouch();
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
    this.hint(report.limit ?? report.capacity);
    this.itemMs = report.itemMs ?? 0;
    this.epoch = report.epoch;
    this.others = Math.max(0, report.inFlight - this.own);
    this.reportedMs = report.latencyMs;
    if (this.observed.known && this.reportedMs < this.observed.valueMs)
      this.observed.observe(this.reportedMs, nowMs);
  }

  /** How many it would have in flight now: with heartbeats and with the outcomes of requests. */
  hint(limit: number): void {
    // It opened: our share is found anew.
    if (limit > this.told) this.share = Number.POSITIVE_INFINITY;
    this.told = limit;
  }

  /** What is under way over these connections (bits) will not be answered. */
  lose(links: number): void {
    for (const flight of Array.from(this.flights)) if (links & (1 << flight.link)) flight.onLost(flight);
  }

  fade(nowMs: number): void {
    if (this.penalty > 0) this.penalty = this.failures.valueAt(nowMs);
    const forMs = nowMs - this.fadedMs;
    this.fadedMs = nowMs;
    const [oldest] = this.flights;
    if (!oldest) return this.felt.forget(forMs, FORGIVEN_MS);
    // It takes at least as long as the oldest has been waiting.
    const ageMs = nowMs - oldest.startedMs;
    if (ageMs > this.latencyMs) this.felt.observe(ageMs, nowMs);
  }

  close(): void {
    this.ready = false;
    this.lose(~0);
    this.breaker?.close();
  }

  private took(ms: number, nowMs: number): void {
    this.observed.observe(ms, nowMs);
    this.felt.observe(ms, nowMs);
  }

  /** For Flight alone. */
  landed(flight: Flight, end: FlightEnd, nowMs: number, retryAfterMs?: number): void {
    this.own--;
    this.flights.delete(flight);
    switch (end) {
      case 'succeeded':
        this.took(nowMs - flight.startedMs, nowMs);
        if (this.share < this.told) this.share += 1 / this.share;
        if (this.penalty > 0) this.penalty = this.failures.succeeded();
        return;
      case 'timedOut':
        this.took(nowMs - flight.startedMs, nowMs); // at least that
        this.penalty = this.failures.failed(nowMs);
        return;
      case 'failed':
        this.penalty = this.failures.failed(nowMs);
        return;
      case 'full':
        if (retryAfterMs === undefined) {
          // Too much for this request alone, or somebody who does not say: less of a choice until it says otherwise.
          this.others = Math.max(this.others, this.capacity);
          return;
        }
        // Where we have requests of our own, their ends say when there is room.
        if (this.own === 0) this.fullUntilMs = nowMs + Math.min(retryAfterMs / 2, FULL_MS_MAX);
        // Those that were out together are one piece of news.
        if (flight.startedMs < this.cutMs) return;
        this.cutMs = nowMs;
        this.share = Math.max(1, Math.min(this.share, this.own + 1) * SHARE_LEFT);
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

/** On a busy machine everybody is slow once in a while: ten fast answers clear a name, which a slow replica does not give. */
const KEPT = 0.8;
const FORGIVEN_MS = 5_000;
/** A hint of a full replica is kept for so long: its next heartbeat knows better. */
const FULL_MS_MAX = 500;
/** Of our share, after it refused one: additive growth and this are what makes callers that share a replica even (as in TCP). */
const SHARE_LEFT = 0.7;

/** What callers of replicas see of a request under way: a flight, or the journey of a pipeline over several. */
export interface Trip {
  readonly replica: ReplicaEntry;
  readonly link: number;
  readonly startedMs: number;
  readonly over: boolean;
  /** `retryAfterMs`: of a full replica that says so. */
  end(end: FlightEnd, nowMs: number, retryAfterMs?: number): void;
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

  end(end: FlightEnd, nowMs: number, retryAfterMs?: number): void {
    assert(!this.landed, `a flight to ${this.replica.id} ended twice`);
    this.landed = true;
    this.settle(BREAKER_WORDS[end]);
    this.replica.landed(this, end, nowMs, retryAfterMs);
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
