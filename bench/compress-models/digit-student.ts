// A narrow student of the digits network of bench compress, of a fifteenth of its parameters, on digits that all have labels: by what its
// teacher says of them, and by the labels. As many steps as the teacher had. Some beginnings lose neurons that never answer again, above all
// where labels alone pull: what counts is the mean of several.
import { distilled } from '../../services/onnx/distil/distil.js';
import { openSession, type Tensors } from '../../services/onnx/session.js';
import { tuned } from '../../services/onnx/training/tune.js';
import { comparedStudents } from './best-rate.js';
import { learnedDigits, narrowDigitsNetwork } from './digits.js';
import { parametersAim } from './students.js';
import type { Size, Subject } from './subject.js';

const RATES = [4e-3, 8e-3, 16e-3];
const TEMPERATURE = 4;

export async function narrowSubject(seed: number, size: Size): Promise<Subject> {
  const { parent, batches, samples, accuracy, accuracyToChooseBy } = await learnedDigits(seed, size);
  const { steps, narrowStudents: seeds } = size;
  await using session = await openSession(parent);
  const say = ({ image }: Tensors): Promise<Tensors> => session.run(image === undefined ? {} : { image });
  const lesson = { steps, teacher: say, batches, share: 1, temperature: TEMPERATURE };
  const students = await comparedStudents({
    what: 'digits, narrow student',
    teacher: parent,
    alone: (own, rate) => tuned(narrowDigitsNetwork(own), batches, { steps, rate }),
    taught: (own, rate) => distilled(narrowDigitsNetwork(own), { ...lesson, rate }),
    // What proves no more than that it runs tries one.
    rates: steps < 100 ? RATES.slice(1, 2) : RATES,
    seeds: Array.from({ length: seeds }, (_, i) => seed + 1 + i),
    choosing: accuracyToChooseBy,
    judging: (model) => accuracy(model),
  });
  const float = await accuracy(parent);
  return {
    model: 'digits CNN',
    parent,
    feeds: samples(1)[0] ?? {},
    methods: {
      'narrow student, labels alone': students.alone,
      'narrow student, distilled': students.distilled,
    },
    drop: async (model) => 100 * (float - (await accuracy(model))),
    aims: [...students.aims, parametersAim('narrow student', parent, students.distilled)],
  };
}
