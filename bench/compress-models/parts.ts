// The parts of bench compress, each with what it is made of, in the order in which they begin: those that take longest first.
import { pack } from '../../services/onnx/prune/transfer.js';
import { digitsSubject } from './digit-subject.js';
import { narrowSubject } from './digit-student.js';
import {
  convolutionSubject,
  denseSubject,
  readerSubject,
  RESIDUAL,
  residualSubject,
} from './rounded-subjects.js';
import { storiesSubject } from './stories.js';
import type { Made, Size, Subject } from './subject.js';
import { lstmSubject, transformerSubject } from './text-subjects.js';
import { DEEP, deepDigitsSubject } from './thinned.js';
import { turnedSubject } from './turned-lines.js';

type Part = (seed: number, size: Size) => Promise<Subject | undefined>;

const PARTS: Readonly<Record<string, Part>> = {
  'digits CNN': digitsSubject,
  'digits CNN, narrow student': narrowSubject,
  [DEEP]: deepDigitsSubject,
  transformer: transformerSubject,
  'OCR recogniser': (_, size) => readerSubject(size.lines),
  'line classifier': (_, size) => turnedSubject(size),
  LSTM: lstmSubject,
  'FFN 12.6M': (seed) => denseSubject(seed),
  [RESIDUAL]: (seed) => residualSubject(seed),
  'CNN, all convolution': (seed) => convolutionSubject(seed),
  stories260K: storiesSubject,
};

export const PART_NAMES = Object.keys(PARTS);

/** Undefined where it needs a file that is not there. */
export async function madePart(name: string, seed: number, size: Size): Promise<Made | undefined> {
  const subject = await PARTS[name]?.(seed, size);
  if (subject === undefined) return undefined;
  const { methods, drop, ...rest } = subject;
  const made: Made['methods'][number][] = [];
  for (const [method, model] of Object.entries(methods))
    made.push({
      name: method,
      model,
      drop: await drop(model),
      packed: (size.packed.test(method) ? pack(model) : model).length,
    });
  return { ...rest, methods: made };
}
