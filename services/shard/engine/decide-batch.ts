// Decides which of the waiting requests share the next run. For each size it asks how many requests would meet their deadlines if
// the next run had that size and those after it the size that serves most: the size that keeps most deadlines is taken, and
// among those that keep as many the one that serves most rows a millisecond. So a large run never costs somebody's deadline
// unless it saves others, and a request that is nearly late makes runs small only as long as that loses nobody
// (early drop, as in Nexus, SOSP 2019). Nobody waits for company: what is not here yet does not count.
import { GAIN_MIN, ROW_RUNGS } from './latency-curve.js';

export interface Candidate {
  readonly rows: number;
  /** Until its answer must leave. */
  readonly leftMs: number;
}

export interface Curve {
  runMs(rows: number): number;
  /** Deadlines are kept with this factor on every expected time. */
  readonly margin: number;
  /** The size that serves most rows a millisecond. */
  readonly bestRun: number;
}

interface Plan {
  readonly take: number[];
  readonly rows: number;
  readonly met: number;
}

/** Indexes into `waiting`, which is in the order of turns; empty when none of them can be in time. */
export function decideBatch(waiting: readonly Candidate[], curve: Curve, rowsMax: number): number[] {
  const totalRows = waiting.reduce((sum, { rows }) => sum + rows, 0);
  const sizes = ROW_RUNGS.filter((rows) => rows < totalRows && rows <= rowsMax);
  const plans = [...sizes, Math.min(totalRows, rowsMax)].map((size) => planOf(waiting, curve, size));
  const met = Math.max(...plans.map((plan) => plan.met));
  if (met === 0) return [];
  const best = plans.filter((plan) => plan.met === met && plan.take.length > 0);
  const pace = (plan: Plan): number => plan.rows / curve.runMs(plan.rows);
  const fastest = Math.max(...best.map(pace));
  return best.find((plan) => pace(plan) >= fastest / (1 + GAIN_MIN))?.take ?? [];
}

/** One run of at most `size` rows, then runs of the best size until nothing is left that can be in time. */
function planOf(waiting: readonly Candidate[], curve: Curve, size: number): Plan {
  const take: number[] = [];
  const needMs = curve.runMs(size) * curve.margin;
  let rows = 0;
  for (const [i, candidate] of waiting.entries()) {
    if (rows >= size) break;
    // Who brings more rows than the size goes alone.
    const fits = rows + candidate.rows <= size || rows === 0;
    const ms = candidate.rows > size ? curve.runMs(candidate.rows) * curve.margin : needMs;
    if (!fits || candidate.leftMs < ms) continue;
    take.push(i);
    rows += candidate.rows;
  }
  if (take.length === 0) return { take, rows, met: 0 };
  return { take, rows, met: take.length + metAfter(waiting, curve, take, rows) };
}

function metAfter(
  waiting: readonly Candidate[],
  curve: Curve,
  taken: readonly number[],
  rows: number,
): number {
  let behind = 0;
  for (const candidate of waiting) behind += candidate.rows;
  behind -= rows;
  let elapsedMs = curve.runMs(rows);
  let met = 0;
  let inRun = 0;
  let nextTaken = 0;
  let runMs = curve.runMs(Math.min(curve.bestRun, behind));
  for (const [i, candidate] of waiting.entries()) {
    if (taken[nextTaken] === i) {
      nextTaken++;
      continue;
    }
    behind -= candidate.rows;
    if (candidate.leftMs < elapsedMs + runMs * curve.margin) continue;
    met++;
    inRun += candidate.rows;
    if (inRun < curve.bestRun) continue;
    elapsedMs += inRun > curve.bestRun ? curve.runMs(inRun) : runMs;
    inRun = 0;
    if (behind > 0) runMs = curve.runMs(Math.min(curve.bestRun, behind));
  }
  return met;
}
