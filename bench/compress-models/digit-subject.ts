// The digits network of bench compress made smaller in every way there is: rounded, masked, with feedback, thinned, with zeros, and
// by a student that learns from it.
import { Graph } from '../../services/onnx/graph.js';
import { sparsifyGradually } from '../../services/onnx/prune/sparsify.js';
import { pooled } from '../../services/onnx/pool/pool.js';
import { quantizeWithFeedback } from '../../services/onnx/quantize/feedback.js';
import { toFloat16 } from '../../services/onnx/quantize/float16.js';
import { quantizeMasked } from '../../services/onnx/quantize/masked.js';
import {
  type Calibrated,
  calibrated,
  quantizeStatic,
  writeStatic,
} from '../../services/onnx/quantize/static.js';
import type { Tensors } from '../../services/onnx/session.js';
import { tuned, type Batches } from '../../services/onnx/training/tune.js';
import { learnedDigits } from './digits.js';
import { studentsOf } from './students.js';
import type { Size, Subject } from './subject.js';
import { thinnedTwice, TO_HALF, TO_LATENCY } from './thinned.js';

export async function digitsSubject(seed: number, size: Size): Promise<Subject> {
  const { parent, testName, batches, samples, accuracy, accuracyToChooseBy } = await learnedDigits(
    seed,
    size,
  );
  const float = await accuracy(parent);
  console.log(`digits CNN: ${(100 * float).toFixed(2)} % of ${testName}`);
  const found = await calibrated(parent, samples(32));
  const few = { ...batches, count: 20 };
  const loop = {
    measure: accuracyToChooseBy,
    batches,
    samples: () => samples(32),
    steps: size.feedbackSteps,
  };
  const coarse = await inFourBits(parent, found, loop);
  const masked = await quantizeMasked(found, few, { share: 0.75 });
  const uniform = writeStatic(found).model;
  const feeds = samples(1)[0] ?? {};
  const small = await thinnedTwice({
    model: 'digits CNN',
    parent,
    batches,
    example: feeds,
    steps: size.steps,
  });
  const sparse = await sparseDigits(parent, batches, size.steps);
  const students = await studentsOf(parent, seed, batches, accuracy, 3 * size.steps);
  const learned = students.distilled;
  const small4 = await inFourBits(learned, await calibrated(learned, samples(32)), loop);
  for (const { what, figure } of coarse.feedback.trials)
    console.log(`feedback: ${what}: ${(100 * figure).toFixed(2)} %`);
  const maskedShare = masked.model.length / uniform.length;
  return {
    model: 'digits CNN',
    parent,
    feeds,
    methods: {
      'static int8': uniform,
      'static int8, entropy': writeStatic(found, { calibrator: 'entropy' }).model,
      'fixed-point int8': writeStatic(found, { scales: 'powerOfTwo' }).model,
      'all int4, one scale a layer': coarse.plain,
      'all int4': writeStatic(found, { fourBits: coarse.fourBits }).model,
      masked: masked.model,
      feedback: coarse.feedback.model,
      float16: toFloat16(parent).model,
      [TO_HALF]: small.half,
      [TO_LATENCY]: small.fast,
      'thinned, static int8': (await quantizeStatic(small.half, samples(32))).model,
      pooled: await pooledDigits(parent, batches, samples, size.steps),
      'student, labels alone': students.alone,
      'student, labels alone, from what is left': students.tunedAlone,
      'student, distilled': learned,
      'student, 512 labels': students.fewLabels,
      'student, no labels, distilled': students.unlabelled,
      'student, int4, one scale a layer': small4.plain,
      'student, int4, feedback': small4.feedback.model,
      '90 % zeros, static int8': (await quantizeStatic(sparse, samples(32))).model,
    },
    drop: async (model) => 100 * (float - (await accuracy(model))),
    aims: [
      ...students.aims,
      ...small.aims,
      { name: 'masked, bytes of uniform int8', value: maskedShare, unit: 'x', aim: 0.75, op: '<=' },
    ],
  };
}

/** Every weight in 4 bits with one scale a layer: as it is, and until feedback loses no more than a digit in a thousand. */
async function inFourBits(
  model: Uint8Array,
  found: Calibrated,
  loop: Pick<Parameters<typeof quantizeWithFeedback>[1], 'measure' | 'batches' | 'samples' | 'steps'>,
) {
  const weights = Graph.read(model).proto.initializer.filter(({ dims }) => dims.length > 1);
  const fourBits = new Set(weights.map(({ name }) => name));
  const settings = { fourBits, perChannel: false };
  const feedback = await quantizeWithFeedback(model, { ...loop, ...settings, drop: 0.001 });
  return { fourBits, plain: writeStatic(found, settings).model, feedback };
}

/** Nine of ten weights 0, tuned twice as long in all as the parent was trained. */
async function sparseDigits(parent: Uint8Array, batches: Batches, steps: number): Promise<Uint8Array> {
  const options = { share: 0.9, rounds: 4, batches, steps: Math.ceil(steps / 2), rate: 2e-3 };
  return (await sparsifyGradually(parent, options)).model;
}

/** Four tenths of the multiplications, tuned twice as long as the parent was trained. */
async function pooledDigits(
  parent: Uint8Array,
  batches: Batches,
  samples: (count: number) => Tensors[],
  steps: number,
): Promise<Uint8Array> {
  const kinds = ['max', 'average', 'region'] as const;
  const learning = { rate: 3e-3 };
  const trialSteps = Math.ceil(steps / 8);
  const given = { batches, samples: () => samples(32), kinds, keep: 0.4, trialSteps };
  const { model } = await pooled(parent, { ...given, ...learning });
  return tuned(model, batches, { ...learning, steps: 2 * steps });
}
