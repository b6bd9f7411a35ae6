// How many requests a replica lets into its queue. A burst may fill it to its capacity; a queue that stands (CoDel: for a while nobody
// waited less than a run) is latency for everybody and throughput for nobody. Then the limit is what keeps the engine busy: one run
// under way and one that gathers. It opens again by doubling, once a second, while the engine has idle time, so a limit that is too
// tight mends itself. Time comes in as an argument.

export interface RunFacts {
  /** Rows of the run that serves most, and what such a run takes. */
  readonly bestRun: number;
  readonly bestRunMs: number;
}

/** So long, and so many runs at least, nobody waits less than a run: the queue stands. */
const STANDS_MS = 100;
const STANDS_RUNS = 4;
/** While all are welcome it must be a long queue, or a queue for long: at half of the capacity chance makes short ones. */
const LONG_RUNS = 8;
const LONG_MS = 1_000;
/** Waits below this are no queue worth refusing anybody for. */
const WAIT_MS_MIN = 5;
/** From an outcome in the engine to the next request of a router that heard of it: for so long the queue must last. */
const ROUND_TRIP_MS = 5;
const OPEN_EVERY_MS = 1_000;
/** An engine that idles for more of the time than this has room for more. */
const IDLE_SHARE = 0.08;

export class ConcurrencyLimit {
  private value: number;
  /** Since when nobody waited less than a run. */
  private standsSinceMs: number | undefined;
  private openFromMs = 0;
  private idleMs = 0;
  private idleSinceMs: number | undefined = 0;

  constructor(private readonly capacity: number) {
    this.value = capacity;
  }

  get requests(): number {
    return this.value;
  }

  /** A run begins, and of its requests the one that waited least has waited so long. */
  begun(waitedMs: number, facts: RunFacts, nowMs: number): void {
    if (waitedMs <= Math.max(facts.bestRunMs, WAIT_MS_MIN)) this.standsSinceMs = undefined;
    else if (this.stands(waitedMs, facts.bestRunMs, nowMs)) this.close(facts, nowMs);
    if (this.value < this.capacity && nowMs - this.openFromMs >= OPEN_EVERY_MS) this.open(nowMs);
  }

  /** Nothing is held any more. */
  emptied(nowMs: number): void {
    this.idleSinceMs ??= nowMs;
  }

  /** A request came. After a pause nobody knows how things stand: everybody is welcome again. */
  arrived(nowMs: number): void {
    if (this.idleSinceMs === undefined) return;
    const idleMs = nowMs - this.idleSinceMs;
    this.idleMs += idleMs;
    this.idleSinceMs = undefined;
    if (idleMs < OPEN_EVERY_MS) return;
    this.value = this.capacity;
    this.standsSinceMs = undefined;
  }

  private stands(waitedMs: number, runMs: number, nowMs: number): boolean {
    this.standsSinceMs ??= nowMs;
    const forMs = nowMs - this.standsSinceMs;
    if (forMs < Math.max(STANDS_MS, STANDS_RUNS * runMs)) return false;
    return this.value < this.capacity || waitedMs >= LONG_RUNS * runMs || forMs >= LONG_MS;
  }

  private close(facts: RunFacts, nowMs: number): void {
    this.value = Math.min(this.capacity, busyLimit(facts));
    this.standsSinceMs = undefined;
    this.openFromMs = nowMs;
    this.idleMs = 0;
  }

  private open(nowMs: number): void {
    if (this.idleMs > IDLE_SHARE * (nowMs - this.openFromMs))
      this.value = Math.min(this.capacity, this.value * 2);
    this.openFromMs = nowMs;
    this.idleMs = 0;
  }
}

/** Enough to keep an engine busy: a run, and what comes while it runs or while word of it travels. */
export const busyLimit = ({ bestRun, bestRunMs }: RunFacts): number =>
  bestRun + Math.max(bestRun, Math.ceil((ROUND_TRIP_MS * bestRun) / Math.max(bestRunMs, 1e-3)));
