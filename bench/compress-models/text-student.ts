// A student of the transformer of bench compress, of a seventeenth of its parameters, on texts that all have labels: with what the
// teacher says beside them, and on the labels alone.
import { distilled } from '../../services/onnx/distil/distil.js';
import { openSession, type Tensors } from '../../services/onnx/session.js';
import { tuned } from '../../services/onnx/training/tune.js';
import { comparedStudents } from './best-rate.js';
import { CHOOSING, JUDGING, smallEncoder, textAccuracy, texts } from './texts.js';

const RATES = [5e-3, 1e-2, 2e-2];
const [SHARE, TEMPERATURE] = [0.9, 2];
/** Of 32 texts: the deviation of a share is 0.4 points. */
const TEXTS = 300;

export async function textStudents(
  parent: Uint8Array,
  { seed, steps, seeds }: { readonly seed: number; readonly steps: number; readonly seeds: number },
) {
  await using session = await openSession(parent);
  const say = ({ ids, mask }: Tensors): Promise<Tensors> =>
    session.run({ ...(ids !== undefined && { ids }), ...(mask !== undefined && { mask }) });
  const learning = { steps };
  const lesson = { ...learning, teacher: say, share: SHARE, temperature: TEMPERATURE };
  // The teacher stays open until all have learned.
  return await comparedStudents({
    what: 'transformer, student',
    teacher: parent,
    alone: (own, rate) => tuned(smallEncoder(own), texts(own), { ...learning, rate }),
    taught: (own, rate) => distilled(smallEncoder(own), { ...lesson, batches: texts(own), rate }),
    rates: RATES,
    seeds: Array.from({ length: seeds }, (_, i) => seed + 1 + i),
    choosing: (model) => textAccuracy(model, TEXTS, CHOOSING),
    judging: (model) => textAccuracy(model, TEXTS, JUDGING),
  });
}
