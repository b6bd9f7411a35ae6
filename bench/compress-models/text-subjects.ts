// Networks of bench compress that read texts: an LSTM and a transformer, rounded, and the transformer's student.
import { quantizeDynamic } from '../../services/onnx/quantize/dynamic.js';
import { quantizeStatic } from '../../services/onnx/quantize/static.js';
import { tuned } from '../../services/onnx/training/tune.js';
import type { Size, Subject } from './subject.js';
import { textStudents } from './text-student.js';
import { encoderNetwork, lstmNetwork, textAccuracy, texts, textSample } from './texts.js';

const TEXTS = 100; // batches of 32

export async function lstmSubject(seed: number, { steps }: Size): Promise<Subject> {
  const parent = await learned(lstmNetwork(seed), seed, steps / 2);
  const methods = { 'dynamic int8': (await quantizeDynamic(parent)).model };
  return { model: 'LSTM', parent, feeds: textSample(7, 1), methods, drop: await dropFrom(parent) };
}

export async function transformerSubject(seed: number, size: Size): Promise<Subject> {
  const parent = await learned(encoderNetwork(seed), seed, size.textSteps);
  const samples = [1, 2, 3, 4].map((i) => textSample(i, 16));
  const students = await textStudents(parent, { seed, ...size.textStudents });
  return {
    model: 'transformer',
    parent,
    feeds: textSample(7, 1),
    methods: {
      'static int8': (await quantizeStatic(parent, samples)).model,
      'dynamic int8': (await quantizeDynamic(parent)).model,
      'student, labels alone': students.alone,
      'student, distilled': students.distilled,
    },
    drop: await dropFrom(parent),
    aims: students.aims,
  };
}

const learned = (network: Uint8Array, seed: number, steps: number): Promise<Uint8Array> =>
  tuned(network, texts(seed), { steps, rate: 2e-3 });

async function dropFrom(parent: Uint8Array): Promise<Subject['drop']> {
  const float = await textAccuracy(parent, TEXTS);
  return async (model) => 100 * (float - (await textAccuracy(model, TEXTS)));
}
