// How long a run of so many rows takes, learned. Two parts: handling, which costs every row the same (bodies joined, answers taken apart
// and written), and the run itself: rungs of a ladder that warm-up timed, each with a factor by which real runs differ from it. A run moves
// the factor of the rung it is nearest to, and a common one; rungs that no run moved for long go along, because a machine that got slower did
// so for every size, and drift to the common factor. Only with a rung that runs all the time: what one sees that was not run for long is its
// own news, and five rungs that each find warm-up three times too quick must not make the sixth look 243 times as slow. Clipped: one run that
// was preempted says nothing, some tens of them do.
// What it says of sizes between rungs lies on a line, beyond the last on its slope.
import assert from 'node:assert';

export interface LatencyPoint {
  readonly rows: number;
  readonly runMs: number;
}

/** What the choice of a batch goes by. */
export interface Curve {
  runMs(rows: number): number;
  /** Deadlines are kept with this factor on every expected time. */
  readonly margin: number;
  /** The size that serves most rows a millisecond. */
  readonly bestRun: number;
}

/** Beyond 256 rows no model that we timed gained another tenth, and one run would hold up its neighbours for too long. */
export const ROW_RUNGS = [1, 2, 4, 8, 16, 32, 64, 128, 256] as const;
export const ROWS_MAX = 256;

/** Weight of a run for its own rung, for the common factor and for handling: some tens of runs are remembered. */
const OWN_WEIGHT = 0.1;
/** Of the common factor for rungs that did not run for long. */
const DRIFT_WEIGHT = 0.05;
const LONG_AGO_RUNS = 50;
/** The first real runs of several rows count for more: warm-up was over in a moment, and that moment may have been a bad one. */
const firstWeight = (runs: number): number => 1 / (runs + 2);
/** An unknown size is tried when it holds up its neighbours for no longer, even at the full price of every row. */
const TRIED_MS_MAX = 250;
/** A run counts as no more than twice, no less than half of what was expected. */
const STEP_MAX = 2;
const SPREAD_WEIGHT = 0.05;
const MS_MIN = 1e-3;
const HANDLING_MS_MIN = 1e-6;
/** The first requests run through code that nothing has run yet, and cost a hundred times their share. Of so many runs the quickest handling
    is believed: what disturbs it only makes it slower. */
const COLD_RUNS = 20;
const FRESH_MS = 1_000;
/** Gains below this are noise: among sizes as good, the smallest is taken. */
export const GAIN_MIN = 0.03;
/** And joining at all must gain so much: below lie the convolutions, whose rows only make each other wait. On a busy machine two rows of the OCR
    recogniser, which gain 4 % on a quiet one, were seen 12 to 18 % cheaper. */
const JOINING_GAIN_MIN = 0.2;

/** Of a run of so many rows: the run itself, and what its requests cost beside it. */
export interface RunCost {
  readonly inferMs: number;
  readonly handlingMs: number;
}

interface Rung {
  /** What warm-up timed. */
  readonly baseMs: number;
  /** By which real runs differ from it. */
  factor: number;
  /** The number of the run that moved it last. */
  movedBy: number;
  /** How many runs moved it. */
  runs: number;
}

export class LatencyCurve {
  private readonly rungs: Rung[] = [];
  private common = 1;
  private handlingMs = 0;
  private runs = 0;
  private spread = 0.1;
  private seenAtMs = Number.NEGATIVE_INFINITY;
  private bestRows = 0;
  /** Scaled from another shape, and no run has said yet by how much that is off. */
  private guessed = false;

  /** At least the time of one row. */
  constructor(points: readonly LatencyPoint[]) {
    for (const { rows, runMs } of points.toSorted((a, b) => a.rows - b.rows))
      // The ladder is filled from below; a hole would be guessed by the line anyway.
      if (ROW_RUNGS.indexOf(rows as 1) === this.rungs.length) this.add(runMs);
    if (this.rungs.length === 0) this.add(MS_MIN);
    this.rise(0);
  }

  /** The first guess for another shape, whose rows have so many times the numbers. */
  scaled(scale: number): LatencyCurve {
    const other = new LatencyCurve(
      this.rungs.map((_, i) => ({ rows: rowsAt(i), runMs: this.inferAt(i) * scale })),
    );
    other.handlingMs = this.handlingMs * scale;
    other.guessed = scale !== 1;
    return other;
  }

  /** Expected milliseconds of a run, with what its requests cost. */
  runMs(rows: number): number {
    return this.inferMs(rows) + this.handlingMs * rows;
  }

  /** What the runs differ from the expected, as a factor: 1.1 is a tenth. Deadlines are kept with it, refusals are made with it. */
  get margin(): number {
    return 1 + Math.min(2 * this.spread, 2);
  }

  /** Rows known from runs; twice as many may be tried. */
  get knownRows(): number {
    return rowsAt(this.rungs.length - 1);
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

  observe(rows: number, { inferMs, handlingMs }: RunCost, nowMs: number): void {
    this.seenAtMs = nowMs;
    this.bestRows = 0;
    const handling = Math.max(handlingMs / rows, HANDLING_MS_MIN);
    if (this.guessed || this.runs === 0) this.handlingMs = handling;
    if (this.guessed) return this.startFrom(inferMs / this.inferMs(rows));
    const off = (inferMs + handlingMs) / this.runMs(rows) - 1;
    this.spread += (Math.min(Math.abs(off), 1) - this.spread) * SPREAD_WEIGHT;
    this.handlingMs =
      this.runs < COLD_RUNS
        ? Math.min(this.handlingMs, handling)
        : moved(this.handlingMs, handling, OWN_WEIGHT);
    this.runs++;
    this.common = moved(this.common, inferMs / this.between(rows, baseOf), OWN_WEIGHT);
    const own = this.ownRung(rows, inferMs);
    const rung = this.at(own);
    const before = rung.factor;
    const seen = before * (inferMs / this.inferMs(rows));
    rung.factor = moved(before, seen, own === 0 ? OWN_WEIGHT : Math.max(OWN_WEIGHT, firstWeight(rung.runs)));
    // What a size sees that runs all the time is the machine's doing, and no size gains on it by not being run.
    const step = this.isStale(rung) ? 1 : rung.factor / before;
    rung.movedBy = this.runs;
    rung.runs++;
    for (const other of this.rungs) {
      if (!this.isStale(other)) continue;
      other.factor *= step;
      other.factor += (this.common - other.factor) * DRIFT_WEIGHT;
    }
    this.rise(own);
  }

  private isStale({ movedBy }: Rung): boolean {
    return this.runs - movedBy >= LONG_AGO_RUNS;
  }

  /** The rung a run is nearest to. The first run above the known sizes makes the next rung known. */
  private ownRung(rows: number, inferMs: number): number {
    const { rungs } = this;
    const upper = Math.min(rungAbove(rows), ROW_RUNGS.length - 1);
    if (upper === rungs.length && rows > rowsAt(upper) * 0.75) {
      const expected = this.inferMs(rowsAt(upper));
      this.add(moved(expected, expected * (inferMs / this.inferMs(rows)), 1) / this.common);
    }
    const nearest = rowsAt(upper) - rows <= rows - rowsAt(upper - 1) ? upper : upper - 1;
    return Math.min(nearest, rungs.length - 1);
  }

  /**
   * A shape of 3,000 times the numbers was guessed at 3,000 times the time: by clipped steps it would refuse all that comes for some
   * hundred runs. The first run is believed.
   */
  private startFrom(factor: number): void {
    this.guessed = false;
    this.common = factor;
    for (const rung of this.rungs) rung.factor = factor;
  }

  /** Whether a run confirmed it lately. An estimate that nothing confirms refuses nobody: the next request is run and tells. */
  isFresh(nowMs: number): boolean {
    return nowMs - this.seenAtMs <= FRESH_MS;
  }

  points(): (LatencyPoint & { readonly inferMs: number })[] {
    return this.rungs.map((_, i) => ({
      rows: rowsAt(i),
      runMs: this.runMs(rowsAt(i)),
      inferMs: this.inferAt(i),
    }));
  }

  private add(inferMs: number): void {
    const { common: factor, runs } = this;
    this.rungs.push({ baseMs: Math.max(inferMs, MS_MIN), factor, movedBy: runs - LONG_AGO_RUNS, runs: 0 });
  }

  private at(i: number): Rung {
    const rung = this.rungs[i];
    assert(rung, 'a curve has the rungs up to its last');
    return rung;
  }

  private inferAt(i: number): number {
    return inferOf(this.at(i));
  }

  private inferMs(rows: number): number {
    return this.between(rows, inferOf);
  }

  /** On the line between two rungs, beyond the last on its slope. */
  private between(rows: number, value: (rung: Rung) => number): number {
    const last = this.rungs.length - 1;
    const upper = Math.min(rungAbove(rows), last);
    if (upper === 0) return value(this.at(0)) * (last === 0 ? rows : 1);
    const below = rowsAt(upper - 1);
    const from = value(this.at(upper - 1));
    return from + ((value(this.at(upper)) - from) * (rows - below)) / (rowsAt(upper) - below);
  }

  /** More rows never take less time: the rung that was seen just now is right, its neighbours follow. */
  private rise(seen: number): void {
    for (let i = seen + 1; i < this.rungs.length; i++)
      this.setInfer(i, Math.max(this.inferAt(i), this.inferAt(i - 1)));
    for (let i = seen - 1; i >= 0; i--) this.setInfer(i, Math.min(this.inferAt(i), this.inferAt(i + 1)));
  }

  private setInfer(i: number, ms: number): void {
    const rung = this.at(i);
    rung.factor = ms / rung.baseMs;
  }

  private findBest(): number {
    const sizes = ROW_RUNGS.filter((rows) => rows <= this.triedMax);
    const rowMs = (rows: number): number => this.runMs(rows) / rows;
    const least = Math.min(...sizes.map(rowMs));
    if (least > rowMs(1) * (1 - JOINING_GAIN_MIN)) return 1;
    return sizes.find((rows) => rowMs(rows) <= least * (1 + GAIN_MIN)) ?? 1;
  }
}

const baseOf = ({ baseMs }: Rung): number => baseMs;
const inferOf = ({ baseMs, factor }: Rung): number => baseMs * factor;

/** Towards what was seen, which counts as no more than twice, no less than half of what was expected. */
const moved = (value: number, seen: number, weight: number): number =>
  value * (1 + (Math.min(Math.max(seen / value, 1 / STEP_MAX), STEP_MAX) - 1) * weight);
const rowsAt = (i: number): number => ROW_RUNGS[Math.max(i, 0)] ?? ROWS_MAX;
/** Index of the first rung that holds so many rows. */
function rungAbove(rows: number): number {
  return rows <= 1 ? 0 : 32 - Math.clz32(rows - 1);
}
