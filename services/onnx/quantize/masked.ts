// Masked quantization (mixed precision): gradients say which layers bear 4 bits, the others stay at 8, so that the weights fit a
// share of what uniform int8 takes at the least expected loss. All layers run at the speed of int8.
import type { Batches } from '../training/tune.js';
import { cheapest } from './knapsack.js';
import type { Quantized } from './report.js';
import { sensitivities } from './sensitivity.js';
import { writeStatic, type Calibrated, type StaticOptions } from './static.js';

export interface MaskedOptions extends Omit<StaticOptions, 'fourBits' | 'weightBits'> {
  /** Of the bytes of uniform int8, above 0.5 and below 1. */
  readonly share: number;
}

/** The set of layers with 4 bits is in the report. */
export async function quantizeMasked(
  calibrated: Calibrated,
  batches: Batches,
  options: MaskedOptions,
): Promise<Quantized> {
  const found = await sensitivities(calibrated.prepared, batches, 4);
  const uniform = writeStatic(calibrated, options).report;
  const integer = new Set(uniform.layers.filter(({ form }) => form === 'int8').map(({ weight }) => weight));
  const items = found
    .filter(({ weight }) => integer.has(weight))
    .map(({ weight, elements, rise }) => ({ name: weight, saved: elements / 2, cost: rise }));
  const fourBits = new Set(cheapest(items, uniform.bytesAfter * (1 - options.share)));
  return writeStatic(calibrated, { ...options, fourBits });
}
