// How long a run of so many rows takes, learned: rungs of a ladder from the warm-up, then every real run moves the rung it is
// nearest to, and those that no run moved for long a little, because a machine that got slower did so for every size. Clipped steps: one run that was
// preempted says nothing, some tens of them do. What it says of sizes between rungs lies on a line, beyond the last on its slope.

export interface LatencyPoint {
  readonly rows: number;
  readonly runMs: number;
}

/** Beyond 256 rows no model that we timed gained another tenth, and one run would hold up its neighbours for too long. */
export const ROW_RUNGS = [1, 2, 4, 8, 16, 32, 64, 128, 256] as const;
export const ROWS_MAX = 256;

/** Weight of a run for its own rungs: some tens of runs are remembered. */
const OWN_WEIGHT = 0.1;
/** And for larger ones that did not run for long: a machine that got slower did so for all, and must not make them look cheap. For smaller ones
    half of it, or a wrong proportion would never be found out while only large ones run. */
const DRIFT_WEIGHT = 0.05;
const LONG_AGO_RUNS = 50;
/** The first real runs of several rows count for more: warm-up knows nothing of reading bodies and writing answers, which no batch makes cheaper. */
const firstWeight = (runs: number): number => 1 / (runs + 2);
/** An unknown size is tried when it holds up its neighbours for no longer, even at the full price of every row. */
const TRIED_MS_MAX = 250;
/** A run counts as no more than twice, no less than half of what was expected. */
const STEP_MAX = 2;
const SPREAD_WEIGHT = 0.05;
const MS_MIN = 1e-3;
const FRESH_MS = 1_000;
/** Gains below this are noise: among sizes as good, the smallest is taken. */
export const GAIN_MIN = 0.03;
/** And joining at all must gain so much: below lie the convolutions, whose rows only make each other wait. On a busy machine two rows of the OCR
    recogniser, which gain 4 % on a quiet one, were seen 12 to 18 % cheaper. */
const JOINING_GAIN_MIN = 0.2;

export class LatencyCurve {
  private readonly ms: number[] = [];
  /** Per rung: the number of the run that moved it last. */
  private readonly movedBy: number[] = [];
  /** Per rung: how many runs moved it. */
  private readonly ownRuns: number[] = [];
  private runs = 0;
  private spread = 0.1;
  private seenAtMs = Number.NEGATIVE_INFINITY;
  private bestRows = 0;
  /** Scaled from another shape, and no run has said yet by how much that is off. */
  private guessed: boolean;

  /** At least the time of one row; `scale` where the points are those of another shape. */
  constructor(points: readonly LatencyPoint[], scale = 1) {
    this.guessed = scale !== 1;
    for (const { rows, runMs } of points.toSorted((a, b) => a.rows - b.rows)) {
      const rung = ROW_RUNGS.indexOf(rows as 1);
      // The ladder is filled from below; a hole would be guessed by the line anyway.
      if (rung === this.ms.length) this.ms.push(Math.max(runMs * scale, MS_MIN));
    }
    if (this.ms.length === 0) this.ms.push(MS_MIN);
    this.rise(0);
  }

  /** Expected milliseconds of a run. */
  runMs(rows: number): number {
    const { ms } = this;
    const upper = rungAbove(rows);
    if (upper < ms.length) {
      if (rung(upper) <= rows || upper === 0) return at(ms, upper);
      return between(rung(upper - 1), at(ms, upper - 1), rung(upper), at(ms, upper), rows);
    }
    const last = ms.length - 1;
    const slope = last === 0 ? at(ms, 0) : (at(ms, last) - at(ms, last - 1)) / (rung(last) - rung(last - 1));
    return at(ms, last) + slope * (rows - rung(last));
  }

  /** What the runs differ from the expected, as a factor: 1.1 is a tenth. Deadlines are kept with it, refusals are made with it. */
  get margin(): number {
    return 1 + Math.min(2 * this.spread, 2);
  }

  /** Rows known from runs; twice as many may be tried. */
  get knownRows(): number {
    return rung(this.ms.length - 1);
  }

  get triedMax(): number {
    const { knownRows } = this;
    return 2 * this.runMs(knownRows) <= TRIED_MS_MAX ? Math.min(knownRows * 2, ROWS_MAX) : knownRows;
  }

  /** The size of a run that serves most rows a millisecond; the smallest of those about as good. */
  get bestRun(): number {
    if (this.bestRows === 0) this.bestRows = this.findBest();
    return this.bestRows;
  }

  get bestRunMs(): number {
    return this.runMs(this.bestRun);
  }

  /** Milliseconds a row at the best size. */
  get bestRowMs(): number {
    return this.bestRunMs / this.bestRun;
  }

  observe(rows: number, runMs: number, nowMs: number): void {
    this.seenAtMs = nowMs;
    this.bestRows = 0;
    const expected = this.runMs(rows);
    if (this.guessed) return this.startFrom(runMs / expected);
    const ratio = Math.min(Math.max(runMs / expected, 1 / STEP_MAX), STEP_MAX);
    this.spread += (Math.min(Math.abs(runMs / expected - 1), 1) - this.spread) * SPREAD_WEIGHT;
    const upper = Math.min(rungAbove(rows), ROW_RUNGS.length - 1);
    // The first run above the known sizes makes the next rung known, by what was expected there and the run's own verdict.
    if (upper === this.ms.length && rows > rung(upper) * 0.75) this.ms.push(this.runMs(rung(upper)) * ratio);
    const nearest = rung(upper) - rows <= rows - rung(upper - 1) ? upper : upper - 1;
    const own = Math.min(nearest, this.ms.length - 1);
    this.movedBy[own] = ++this.runs;
    const before = this.ownRuns[own] ?? 0;
    this.ownRuns[own] = before + 1;
    const ownWeight = own === 0 ? OWN_WEIGHT : Math.max(OWN_WEIGHT, firstWeight(before));
    for (let i = 0; i < this.ms.length; i++) {
      // A size that is being found out says nothing of the others.
      if (i !== own && ownWeight > OWN_WEIGHT) continue;
      if (i !== own && this.runs - (this.movedBy[i] ?? -LONG_AGO_RUNS) < LONG_AGO_RUNS) continue;
      const weight = i === own ? ownWeight : i > own ? OWN_WEIGHT : DRIFT_WEIGHT;
      this.ms[i] = Math.max(at(this.ms, i) * (1 + (ratio - 1) * weight), MS_MIN);
    }
    this.rise(own);
  }

  /**
   * A shape of 3,000 times the numbers was guessed at 3,000 times the time: by clipped steps it would refuse all that comes for some
   * hundred runs. The first run is believed.
   */
  private startFrom(factor: number): void {
    this.guessed = false;
    for (const [i, ms] of this.ms.entries()) this.ms[i] = Math.max(ms * factor, MS_MIN);
  }

  /** Whether a run confirmed it lately. An estimate that nothing confirms refuses nobody: the next request is run and tells. */
  isFresh(nowMs: number): boolean {
    return nowMs - this.seenAtMs <= FRESH_MS;
  }

  points(): LatencyPoint[] {
    return this.ms.map((runMs, i) => ({ rows: rung(i), runMs }));
  }

  /** More rows never take less time: the rung that was seen just now is right, its neighbours follow. */
  private rise(seen: number): void {
    for (let i = seen + 1; i < this.ms.length; i++) this.ms[i] = Math.max(at(this.ms, i), at(this.ms, i - 1));
    for (let i = seen - 1; i >= 0; i--) this.ms[i] = Math.min(at(this.ms, i), at(this.ms, i + 1));
  }

  private findBest(): number {
    const sizes = ROW_RUNGS.filter((rows) => rows <= this.triedMax);
    const least = Math.min(...sizes.map((rows) => this.runMs(rows) / rows));
    if (least > this.runMs(1) * (1 - JOINING_GAIN_MIN)) return 1;
    return sizes.find((rows) => this.runMs(rows) / rows <= least * (1 + GAIN_MIN)) ?? 1;
  }
}

const rung = (i: number): number => ROW_RUNGS[Math.max(i, 0)] ?? ROWS_MAX;
const at = (ms: readonly number[], i: number): number => ms[i] ?? MS_MIN;
/** Index of the first rung that holds so many rows. */
function rungAbove(rows: number): number {
  return rows <= 1 ? 0 : 32 - Math.clz32(rows - 1);
}
const between = (x0: number, y0: number, x1: number, y1: number, x: number): number =>
  y0 + ((y1 - y0) * (x - x0)) / (x1 - x0);
