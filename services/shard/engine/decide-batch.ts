// Decides which of the waiting requests share the next run. For each size it asks how many requests would meet their deadlines if
// the next run had that size and those after it the size that serves most: the size that keeps most deadlines is taken, and
// among those that keep as many the one that serves most rows a millisecond. So a large run never costs somebody's deadline
// unless it saves others, and a request that is nearly late makes runs small only as long as that loses nobody
// (early drop, as in Nexus, SOSP 2019). Nobody waits for company: what is not here yet does not count.
import { type Curve, GAIN_MIN, ROW_RUNGS } from './latency-curve.js';

export interface Candidate {
  readonly rows: number;
  /** Until its answer must leave. */
  readonly leftMs: number;
}

interface Plan {
  readonly take: number[];
  readonly rows: number;
  readonly met: number;
}

/** Indexes into `waiting`, which is in the order of turns; empty when none of them can be in time. */
export function decideBatch(waiting: readonly Candidate[], curve: Curve, rowsMax: number): number[] {
  const queue = measured(waiting);
  const sizes = ROW_RUNGS.filter((rows) => rows < queue.rows && rows <= rowsMax);
  const all = [...sizes, Math.min(queue.rows, rowsMax)];
  const plans = allHaveTime(queue, curve, rowsMax)
    ? all.map((size) => firstRows(waiting, size))
    : all.map((size) => planOf(waiting, queue.rows, curve, size));
  const met = Math.max(...plans.map((plan) => plan.met));
  if (met === 0) return [];
  const best = plans.filter((plan) => plan.met === met && plan.take.length > 0);
  const pace = (plan: Plan): number => plan.rows / curve.runMs(plan.rows);
  const fastest = Math.max(...best.map(pace));
  return best.find((plan) => pace(plan) >= fastest / (1 + GAIN_MIN))?.take ?? [];
}

interface Queue {
  readonly requests: number;
  readonly rows: number;
  /** Of the largest request. */
  readonly rowsEach: number;
  readonly leastLeftMs: number;
}

function measured(waiting: readonly Candidate[]): Queue {
  let rows = 0;
  let rowsEach = 0;
  let leastLeftMs = Number.POSITIVE_INFINITY;
  for (const one of waiting) {
    rows += one.rows;
    rowsEach = Math.max(rowsEach, one.rows);
    leastLeftMs = Math.min(leastLeftMs, one.leftMs);
  }
  return { requests: waiting.length, rows, rowsEach, leastLeftMs };
}

/** Whether nobody could be late by any plan: then no plan need be thought through to its end. */
function allHaveTime({ rows, rowsEach, leastLeftMs }: Queue, curve: Curve, rowsMax: number): boolean {
  const first = curve.runMs(Math.max(Math.min(rows, rowsMax), rowsEach));
  // Each run after it has the best size at least, but for the last.
  const others = (Math.floor(rows / curve.bestRun) + 1) * curve.runMs(curve.bestRun + rowsEach);
  return leastLeftMs >= (first + others) * curve.margin;
}

/** The plan of so many rows where everybody is in time. */
function firstRows(waiting: readonly Candidate[], size: number): Plan {
  const take: number[] = [];
  let rows = 0;
  for (let i = 0; i < waiting.length && rows < size; i++) {
    const own = (waiting[i] as Candidate).rows;
    if (rows + own > size && rows > 0) continue;
    take.push(i);
    rows += own;
  }
  return { take, rows, met: waiting.length };
}

/** One run of at most `size` rows, then runs of the best size until nothing is left that can be in time. */
function planOf(waiting: readonly Candidate[], totalRows: number, curve: Curve, size: number): Plan {
  const take: number[] = [];
  const needMs = curve.runMs(size) * curve.margin;
  let rows = 0;
  for (let i = 0; i < waiting.length && rows < size; i++) {
    const candidate = waiting[i] as Candidate;
    // Who brings more rows than the size goes alone.
    const fits = rows + candidate.rows <= size || rows === 0;
    const ms = candidate.rows > size ? curve.runMs(candidate.rows) * curve.margin : needMs;
    if (!fits || candidate.leftMs < ms) continue;
    take.push(i);
    rows += candidate.rows;
  }
  if (take.length === 0) return { take, rows, met: 0 };
  return { take, rows, met: take.length + metAfter(waiting, totalRows, curve, take, rows) };
}

function metAfter(
  waiting: readonly Candidate[],
  totalRows: number,
  curve: Curve,
  taken: readonly number[],
  rows: number,
): number {
  const { bestRun, margin } = curve;
  let behind = totalRows - rows;
  let elapsedMs = curve.runMs(rows);
  let met = 0;
  let inRun = 0;
  let nextTaken = 0;
  let runMs = curve.runMs(Math.min(bestRun, behind));
  for (let i = 0; i < waiting.length; i++) {
    if (taken[nextTaken] === i) {
      nextTaken++;
      continue;
    }
    const candidate = waiting[i] as Candidate;
    behind -= candidate.rows;
    if (candidate.leftMs < elapsedMs + runMs * margin) continue;
    met++;
    inRun += candidate.rows;
    if (inRun < bestRun) continue;
    elapsedMs += inRun > bestRun ? curve.runMs(inRun) : runMs;
    inRun = 0;
    if (behind > 0) runMs = curve.runMs(Math.min(bestRun, behind));
  }
  return met;
}
