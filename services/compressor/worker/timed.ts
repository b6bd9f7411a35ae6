// Parent and candidate timed in turns, as often as two seconds allow: few runs of a slow model, many of a fast one.
import { figuresOf, type Figures } from '../../onnx/recipe/figures.js';
import type { Tensors } from '../../onnx/session.js';

const [TOTAL_MS, FEWEST, MOST] = [2_000, 25, 400];

/** In step with `models`; one thread, one example. */
export async function timed(models: readonly Uint8Array[], feeds: Tensors): Promise<Figures[]> {
  const first = await figuresOf(models, feeds, 3);
  const roundMs = first.reduce((sum, { p50Ms }) => sum + p50Ms, 0);
  return figuresOf(models, feeds, Math.round(Math.min(MOST, Math.max(FEWEST, TOTAL_MS / roundMs))));
}
