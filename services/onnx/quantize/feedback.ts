// Quantization that goes by its own results: measures the quantized model, and while it is worse than allowed changes what may
// help most for the least: other ranges, then weights learned under rounding, then more bits for the most sensitive
// layers. Every trial is logged.
import type { Batches } from '../training/tune.js';
import type { Quantized } from './report.js';
import { learnRounded } from './rounded-training.js';
import type { Samples } from './calibrate.js';
import { sensitivities } from './sensitivity.js';
import { calibrated, writeStatic, type Calibrated, type StaticOptions } from './static.js';

export interface FeedbackOptions {
  /** What counts, higher is better: accuracy on data that nothing was chosen by. */
  readonly measure: (model: Uint8Array) => Promise<number>;
  /** How much of the float model's figure may be lost. */
  readonly drop: number;
  readonly batches: Batches;
  readonly samples: () => Samples;
  /** Names of weights that begin with 4 bits; the others have 8. */
  readonly fourBits?: ReadonlySet<string>;
  /** One scale for each output channel; true where absent. */
  readonly perChannel?: boolean;
  /** Steps of learning under rounding in one trial. */
  readonly steps?: number;
  readonly rate?: number;
  readonly threads?: number;
}

export interface Trial {
  readonly what: string;
  readonly figure: number;
}

export interface FeedbackResult extends Quantized {
  readonly float: number;
  readonly figure: number;
  /** Whether the figure lies within the drop. */
  readonly met: boolean;
  readonly trials: readonly Trial[];
}

const STEPS = 200;
const RATE = 5e-4;
const FEW_BATCHES = 20; // enough to put layers in order

/** The first that lies within the budget, or the best of all where none does. */
export async function quantizeWithFeedback(
  model: Uint8Array,
  options: FeedbackOptions,
): Promise<FeedbackResult> {
  const { measure, drop, batches, steps = STEPS, rate = RATE, threads = 1, perChannel = true } = options;
  const float = await measure(model);
  const trials: Trial[] = [];
  let best: Quantized | undefined;
  const attempt = async (what: string, from: Calibrated, settings: StaticOptions): Promise<boolean> => {
    const made = writeStatic(from, settings);
    const figure = await measure(made.model);
    if (best === undefined || figure > Math.max(...trials.map((one) => one.figure))) best = made;
    trials.push({ what, figure });
    return figure >= float - drop;
  };
  const done = (): FeedbackResult => {
    const figure = Math.max(...trials.map((one) => one.figure));
    const { model: bytes, report } = best ?? writeStatic(first);
    return {
      model: bytes,
      report: { ...report, method: 'feedback' },
      float,
      figure,
      met: figure >= float - drop,
      trials,
    };
  };

  const first = await calibrated(model, options.samples());
  let fourBits = options.fourBits ?? new Set<string>();
  for (const calibrator of ['minMax', 'percentile', 'entropy', 'squares'] as const)
    if (await attempt(`ranges by ${calibrator}`, first, { calibrator, fourBits, perChannel })) return done();
  let order: readonly string[] | undefined;
  for (let round = 0; ; round++) {
    const bits = new Map(
      writeStatic(first).report.layers.map(({ weight }) => [weight, fourBits.has(weight) ? 4 : 8]),
    );
    const learned = await learnRounded(first.prepared, bits, batches, { steps, rate, threads, perChannel });
    const found = await calibrated(learned.model, options.samples());
    const settings = { fourBits, perChannel, weightScales: learned.scales };
    const what = `weights learned under rounding, ${fourBits.size} layers of 4 bits`;
    if (await attempt(what, { ...found, original: model }, settings)) return done();
    order ??= await dearest(first, fourBits, batches);
    const next = order[round];
    if (next === undefined) return done();
    fourBits = new Set([...fourBits].filter((weight) => weight !== next));
  }
}

/** Layers of 4 bits, first those where more bits help most. */
async function dearest(
  { prepared }: Calibrated,
  fourBits: ReadonlySet<string>,
  batches: Batches,
): Promise<string[]> {
  const few = { ...batches, count: Math.min(batches.count, FEW_BATCHES) };
  return (await sensitivities(prepared, few, 4))
    .filter(({ weight }) => fourBits.has(weight))
    .sort((a, b) => b.rise / b.elements - a.rise / a.elements)
    .map(({ weight }) => weight);
}
