// How many requests a replica lets into its queue. A burst may fill it to its capacity; a queue that stands (CoDel: nobody waits less
// than a run) and grows, or stands for long, is latency for everybody and throughput for nobody. Then the limit is what keeps the
// engine busy: one run under way and one that gathers. From there the engine's idle time moves it, once a second: more of it than
// 15 % opens the limit, hardly any closes it again. Time comes in as an argument.

export interface Begun {
  readonly requests: number;
  /** The one of them that waited least did so for that long. */
  readonly waitedMs: number;
  /** Requests that go on waiting. */
  readonly waiting: number;
}

/** The run that serves most. */
export interface RunFacts {
  readonly requests: number;
  readonly ms: number;
}

/** A queue that stands is looked at after so long, and so many runs at least. */
const LOOK_MS = 25;
const LOOK_RUNS = 2;
/** So many times in a row it must have grown: callers who wait for their answers come back together after a moment in which nothing
    ran, once; a flood goes on. */
const LOOKS = 2;
/** It grew when so many times what is served came: a burst that is over, or chance at half of the capacity, brings less. */
const GROWS = 1.75;
/** Or it is that many runs long or stands for that long, and does not shrink much. */
const GOES_ON = 0.8;
const LONG_QUEUE_RUNS = 8;
const LONG_MS = 1_000;
const LONG_RUNS = 20;
/** Waits below this are no queue worth refusing anybody for. */
const WAIT_MS_MIN = 25;
/** From an outcome in the engine to the next request of a router that heard of it: for so long the queue must last. */
const ROUND_TRIP_MS = 5;
const MOVE_EVERY_MS = 1_000;
const MOVE_EVERY_RUNS = 10;
/** Shares of the time in which the engine idles: from the first on one run more, from the second twice as many, below the third half. */
const IDLE_SOME = 0.15;
const IDLE_MUCH = 0.3;
const IDLE_HARDLY = 0.05;
/** Where so large a share of the runs had been waited for, half a run and more, an engine that idles is short of word from those who hold back,
    not of requests: twice the limit would be twice the wait. */
const WANTED = 0.5;

export class ConcurrencyLimit {
  private value: number;
  /** What kept the engine busy when the last run began. */
  private least = 0;
  /** Since when nobody waited less than a run, and what came and was begun since. */
  private standsSinceMs: number | undefined;
  private came = 0;
  private begins = 0;
  private looked = { atMs: 0, came: 0, begins: 0, grew: 0 };
  private movedMs = 0;
  private idleMs = 0;
  private idleSinceMs: number | undefined = 0;
  /** Runs since it moved, and those that somebody had waited for. */
  private runs = 0;
  private wantedRuns = 0;

  constructor(private readonly capacity: number) {
    this.value = capacity;
  }

  get requests(): number {
    return this.value;
  }

  /** A run begins. True when the limit went down: what waits beyond it is too much. */
  begun(run: Begun, facts: RunFacts, nowMs: number): boolean {
    const least = Math.min(this.capacity, busyLimit(facts));
    // Where it was down to the least it goes with it: another run was found to serve most. What waits already may stay.
    if (this.value <= this.least && this.value < this.capacity) this.value = least;
    this.least = least;
    const before = this.value;
    this.runs++;
    if (run.waitedMs >= facts.ms / 2) this.wantedRuns++;
    if (run.waitedMs <= Math.max(facts.ms, WAIT_MS_MIN)) this.standsSinceMs = undefined;
    else if (this.value > least && this.stands(run, facts, nowMs)) this.turn(least, nowMs);
    if (this.value < this.capacity) this.move(facts, nowMs);
    return this.value < before;
  }

  /** Nothing is held any more. */
  emptied(nowMs: number): void {
    this.idleSinceMs ??= nowMs;
  }

  /** A request came. After a pause nobody knows how things stand: everybody is welcome again. */
  arrived(nowMs: number): void {
    this.came++;
    if (this.idleSinceMs === undefined) return;
    const idleMs = nowMs - this.idleSinceMs;
    this.idleMs += idleMs;
    this.idleSinceMs = undefined;
    if (idleMs >= MOVE_EVERY_MS) this.turn(this.capacity, nowMs);
  }

  private stands({ requests, waiting }: Begun, facts: RunFacts, nowMs: number): boolean {
    if (this.standsSinceMs === undefined) {
      this.standsSinceMs = nowMs;
      this.came = 0;
      this.begins = 0;
      this.looked = { atMs: nowMs, came: 0, begins: 0, grew: 0 };
    }
    this.begins += requests;
    if (this.grows(facts, nowMs)) return true;
    const forMs = nowMs - this.standsSinceMs;
    if (forMs < LOOKS * Math.max(LOOK_MS, LOOK_RUNS * facts.ms)) return false;
    // Below the capacity it is the limit that lets in no more than is served: its idle time says whether it is right.
    if (this.came / this.begins < GOES_ON || this.value < this.capacity) return false;
    return waiting >= LONG_QUEUE_RUNS * facts.requests || forMs >= Math.max(LONG_MS, LONG_RUNS * facts.ms);
  }

  private grows(facts: RunFacts, nowMs: number): boolean {
    const { atMs, came, begins, grew } = this.looked;
    if (nowMs - atMs < Math.max(LOOK_MS, LOOK_RUNS * facts.ms)) return false;
    const grown = (this.came - came) / (this.begins - begins) >= GROWS ? grew + 1 : 0;
    this.looked = { atMs: nowMs, came: this.came, begins: this.begins, grew: grown };
    return grown >= LOOKS;
  }

  private move(facts: RunFacts, nowMs: number): void {
    const forMs = nowMs - this.movedMs;
    if (forMs < Math.max(MOVE_EVERY_MS, MOVE_EVERY_RUNS * facts.ms)) return;
    const wanted = this.wantedRuns >= WANTED * this.runs;
    this.turn(Math.min(this.capacity, moved(this.value, this.idleMs / forMs, wanted, facts)), nowMs);
  }

  private turn(value: number, nowMs: number): void {
    this.value = value;
    this.standsSinceMs = undefined;
    this.movedMs = nowMs;
    this.idleMs = 0;
    this.runs = 0;
    this.wantedRuns = 0;
  }
}

function moved(value: number, idleShare: number, wanted: boolean, facts: RunFacts): number {
  if (idleShare > IDLE_MUCH && !wanted) return value * 2;
  if (idleShare > IDLE_SOME) return value + facts.requests;
  return idleShare < IDLE_HARDLY ? Math.max(busyLimit(facts), Math.floor(value / 2)) : value;
}

/** Enough to keep an engine busy: a run, and what comes while it runs or while word of it travels. */
export const busyLimit = ({ requests, ms }: RunFacts): number =>
  requests + Math.max(requests, Math.ceil((ROUND_TRIP_MS * requests) / Math.max(ms, 1e-3)));
