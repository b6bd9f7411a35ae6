// A narrow student of the digits network of bench compress, of a fifteenth of its parameters, on digits that all have labels: by what its
// teacher says of them, and by the labels. As many steps as the teacher had.
import { distilled } from '../../services/onnx/distil/distil.js';
import { openSession, type Tensors } from '../../services/onnx/session.js';
import { tuned, type Batches } from '../../services/onnx/training/tune.js';
import { comparedStudents } from './best-rate.js';
import { type Digits, narrowDigitsNetwork } from './digits.js';

const RATES = [2e-3, 4e-3, 6e-3, 8e-3];
const TEMPERATURE = 4;

export async function digitStudents(
  parent: Uint8Array,
  batches: Batches,
  { accuracy, accuracyToChooseBy }: Pick<Digits, 'accuracy' | 'accuracyToChooseBy'>,
  { seed, steps, seeds }: { readonly seed: number; readonly steps: number; readonly seeds: number },
) {
  await using session = await openSession(parent);
  const say = ({ image }: Tensors): Promise<Tensors> => session.run(image === undefined ? {} : { image });
  const learning = { steps, threads: 2 };
  const lesson = { ...learning, teacher: say, batches, share: 1, temperature: TEMPERATURE };
  // The teacher stays open until all have learned.
  return await comparedStudents({
    what: 'digits, narrow student',
    teacher: parent,
    alone: (own, rate) => tuned(narrowDigitsNetwork(own), batches, { ...learning, rate }),
    taught: (own, rate) => distilled(narrowDigitsNetwork(own), { ...lesson, rate }),
    // What proves no more than that it runs tries one.
    rates: steps < 100 ? RATES.slice(1, 2) : RATES,
    seeds: Array.from({ length: seeds }, (_, i) => seed + 1 + i),
    choosing: accuracyToChooseBy,
    judging: (model) => accuracy(model),
  });
}
