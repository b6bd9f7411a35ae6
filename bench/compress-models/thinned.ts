// Networks that learned digits, thinned in both ways of bench compress: to half the multiplications, and to what is asked of their latency.
// Both learn again as long as the parent did.
import { taylor } from '../../services/onnx/prune/saliency.js';
import { thin } from '../../services/onnx/prune/thin.js';
import { thinToLatency } from '../../services/onnx/prune/thin-to-latency.js';
import type { Tensors } from '../../services/onnx/session.js';
import { tuned, type Batches } from '../../services/onnx/training/tune.js';
import type { Aim } from '../report.js';
import { learnedDigits, deepDigitsNetwork } from './digits.js';
import type { Size, Subject } from './subject.js';

export const TO_HALF = 'thinned to half';
export const TO_LATENCY = 'thinned to latency';
/** Twice as fast for 1.7 times: what is timed while other parts learn is not exact. */
const LATENCY = 0.5;

interface ThinnedParts {
  readonly model: string;
  readonly parent: Uint8Array;
  readonly batches: Batches;
  readonly example: Tensors;
  readonly steps: number;
}

/** The latter with at most half of the multiplications; how many it left is an aim. */
export async function thinnedTwice({ model, parent, batches, example, steps }: ThinnedParts) {
  const saliency = await taylor(parent, { ...batches, count: 20 });
  const half = thin(parent, { saliency, keep: 0.5 });
  const fast = await thinToLatency(parent, { saliency, latency: LATENCY, keep: 0.5, example });
  const learning = { steps, rate: 1e-3 };
  for (const [how, { report }] of [
    [TO_HALF, half],
    [TO_LATENCY, fast],
  ] as const)
    console.log(
      `${model}, ${how}: ${report.groups.map(({ before, after }) => `${after} of ${before}`).join(', ')} channels, ${report.keptShare.toFixed(3)} of the multiplications`,
    );
  const left: Aim = {
    name: `${model}, ${TO_LATENCY}, multiplications`,
    value: fast.report.keptShare,
    unit: 'x',
    aim: 0.5,
    op: '<=',
  };
  return {
    half: await tuned(half.model, batches, learning),
    fast: await tuned(fast.model, batches, learning),
    aims: [left],
  };
}

export const DEEP = 'deep digits CNN';

/** Nearly all convolution, where the digits CNN is half calls and pools. */
export async function deepDigitsSubject(seed: number, { tests, deepSteps: steps }: Size): Promise<Subject> {
  const { parent, batches, samples, accuracy } = await learnedDigits(
    seed,
    { tests, steps },
    deepDigitsNetwork,
  );
  const float = await accuracy(parent);
  console.log(`${DEEP}: ${(100 * float).toFixed(2)} %`);
  const feeds = samples(1)[0] ?? {};
  const small = await thinnedTwice({ model: DEEP, parent, batches, example: feeds, steps });
  return {
    model: DEEP,
    parent,
    feeds,
    methods: { [TO_HALF]: small.half, [TO_LATENCY]: small.fast },
    drop: async (model) => 100 * (float - (await accuracy(model))),
    aims: small.aims,
  };
}
