// A narrow student of the digits network of bench compress, of a fifteenth of its parameters, on digits that all have labels: by what its
// teacher says of them, and by the labels. As many steps as the teacher had. Some beginnings lose neurons that never answer again, above all
// where labels alone pull: what counts is the mean of several.
import { type DistilStep, taught } from '../../services/onnx/distil/teach.js';
import { tuned } from '../../services/onnx/training/tune.js';
import { comparedStudents } from './best-rate.js';
import { learnedDigits, narrowDigitsNetwork } from './digits.js';
import { parametersAim } from './students.js';
import type { Size, Subject } from './subject.js';

const RATES = [4e-3, 8e-3, 16e-3];
/** Two hints: what the second convolution and the hidden layer of the teacher say. */
const STEP: Omit<DistilStep, 'steps' | 'rate'> = {
  kind: 'distil',
  student: { from: 'network', network: { kind: 'cnn', channels: [8, 16], hidden: [16], dropout: 0 } },
  hints: 2,
  jitter: 0,
  share: 1,
  temperature: 4,
};

export async function narrowSubject(seed: number, size: Size): Promise<Subject> {
  const { parent, batches, samples, accuracy, accuracyToChooseBy } = await learnedDigits(seed, size);
  const { steps, narrowStudents: seeds } = size;
  const students = await comparedStudents({
    what: 'digits, narrow student',
    teacher: parent,
    alone: (own, rate) => tuned(narrowDigitsNetwork(own), batches, { steps, rate }),
    taught: async (own, rate) => {
      const lesson = { parent, batches, threads: 1, network: () => narrowDigitsNetwork(own) };
      return (await taught(parent, { ...STEP, steps, rate }, lesson)).model;
    },
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
