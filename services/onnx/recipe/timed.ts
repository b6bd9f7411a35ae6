// Parent and candidate timed in turns, as often as the time allows: few runs of a slow model, many of a fast one.
import type { Tensors } from '../session.js';
import { figuresOf, type Figures } from './figures.js';

const [TOTAL_MS, FEWEST, MOST] = [2_000, 25, 400];

/** In step with `models`; one thread, one example, for so many milliseconds. */
export async function timed(
  models: readonly Uint8Array[],
  feeds: Tensors,
  totalMs: number = TOTAL_MS,
): Promise<Figures[]> {
  const first = await figuresOf(models, feeds, 3);
  const roundMs = first.reduce((sum, { p50Ms }) => sum + p50Ms, 0);
  return figuresOf(models, feeds, Math.round(Math.min(MOST, Math.max(FEWEST, totalMs / roundMs))));
}
