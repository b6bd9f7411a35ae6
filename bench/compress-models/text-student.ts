// A student of the transformer of bench compress, of a seventeenth of its parameters, on texts that all have labels: with what the
// teacher says beside them, and on the labels alone. Both ways have the same beginnings, texts and steps, each the rate that serves it best on texts kept for choosing.
import { distilled } from '../../services/onnx/distil/distil.js';
import { openSession, type Tensors } from '../../services/onnx/session.js';
import { tuned } from '../../services/onnx/training/tune.js';
import type { Aim } from '../report.js';
import { CHOOSING, JUDGING, smallEncoder, textAccuracy, texts } from './texts.js';

const RATES = [5e-3, 1e-2, 2e-2];
const [SHARE, TEMPERATURE] = [0.9, 2];
/** Of 32 texts: the deviation of a share is 0.4 points. */
const TEXTS = 300;

type Way = (seed: number, rate: number) => Promise<Uint8Array>;

export async function textStudents(
  parent: Uint8Array,
  { seed, steps, seeds }: { readonly seed: number; readonly steps: number; readonly seeds: number },
) {
  await using session = await openSession(parent);
  const say = ({ ids, mask }: Tensors): Promise<Tensors> =>
    session.run({ ...(ids !== undefined && { ids }), ...(mask !== undefined && { mask }) });
  const learning = { steps, threads: 2 };
  const lesson = { ...learning, teacher: say, share: SHARE, temperature: TEMPERATURE };
  const labels: Way = (own, rate) => tuned(smallEncoder(own), texts(own), { ...learning, rate });
  const both: Way = (own, rate) => distilled(smallEncoder(own), { ...lesson, batches: texts(own), rate });
  const beginnings = Array.from({ length: seeds }, (_, i) => seed + 1 + i);
  const teacher = 100 * (await textAccuracy(parent, TEXTS));
  console.log(`transformer, teacher of the student: ${teacher.toFixed(2)} %`);
  const alone = await learned('labels alone', labels, beginnings);
  const taught = await learned('distilled', both, beginnings);
  const aim = (than: string, value: number, aimed: Pick<Aim, 'aim' | 'op'>): Aim => ({
    ...{ name: `transformer, student, distilled, ${than}, mean of ${seeds}`, value, unit: 'points' },
    ...aimed,
  });
  const aims = [
    aim('behind its teacher', teacher - taught.mean, { aim: 1, op: '<=' }),
    aim('ahead of labels alone', taught.mean - alone.mean, { aim: 1, op: '>=' }),
  ];
  return { alone: alone.model, distilled: taught.model, aims };
}

/** At the rate that is best for it over all beginnings; the model is that of the first, the mean in points over all. */
async function learned(what: string, way: Way, seeds: readonly number[]) {
  const trials = [];
  for (const rate of RATES) {
    const models: Uint8Array[] = [];
    for (const seed of seeds) models.push(await way(seed, rate));
    trials.push({ rate, models, mean: mean(await accuracies(models, CHOOSING)) });
  }
  const best = trials.reduce((a, b) => (b.mean > a.mean ? b : a));
  const figures = await accuracies(best.models, JUDGING);
  console.log(
    `transformer, student, ${what}: ${mean(figures).toFixed(2)} %, each ${figures.map(toFixed).join(', ')}, at rate ${best.rate}; ` +
      `on texts to choose by ${trials.map((one) => `${one.rate}: ${toFixed(one.mean)}`).join(', ')}`,
  );
  return { model: best.models[0] ?? new Uint8Array(), mean: mean(figures) };
}

async function accuracies(models: readonly Uint8Array[], from: number): Promise<number[]> {
  const found: number[] = [];
  for (const model of models) found.push(100 * (await textAccuracy(model, TEXTS, from)));
  return found;
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const toFixed = (value: number): string => value.toFixed(2);
