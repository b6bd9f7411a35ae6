// What smaller versions of models cost and gain: one row a model and method, with bytes, latency and accuracy against the float
// parent, all in one run. Digits and texts are learned here; the large networks have weights from a seed and are there for speed.
import { profile } from '../services/onnx/profile.js';
import { pack } from '../services/onnx/prune/transfer.js';
import { fusionOf } from '../services/onnx/quantize/fused.js';
import { figuresOf } from '../services/onnx/recipe/figures.js';
import { digitsSubject } from './compress-models/digit-subject.js';
import {
  convolutionSubject,
  denseSubject,
  readerErrors,
  readerSubject,
  textSubjects,
} from './compress-models/rounded-subjects.js';
import { storiesSubject } from './compress-models/stories.js';
import { SIZES, type Subject } from './compress-models/subject.js';
import { type Aim, type Benchmark, round } from './report.js';

interface Row {
  readonly model: string;
  readonly method: string;
  /** Of the parent's. */
  readonly bytes: number;
  readonly floatMs: number;
  readonly ms: number;
  readonly speed: number;
  /** Bytes of the parent over bytes on the way. */
  readonly travel: number;
  /** In points (of a nat a token for stories260K); for networks that learned nothing, the relative error of their answers in percent. */
  readonly drop: number;
  /** Planned layers that onnxruntime does not run in integers. */
  readonly unfused: number;
}

export const benchmark: Benchmark = async ({ form, seed }) => {
  const size = SIZES[form];
  const rows: Row[] = [];
  const aims: Aim[] = [];
  const take = async (subject: Subject): Promise<void> => {
    const found = await measured(subject, size.rounds);
    rows.push(...found);
  };
  const digit = await digitsSubject(seed, size);
  await take(digit.subject);
  if (form !== 'ci') {
    await take(await denseSubject(seed));
    await take(await convolutionSubject(seed));
    const ocr = await readerSubject(size.lines);
    await take(ocr);
    aims.push(await readerAim(ocr, rows), await errorAim(ocr, size.lines));
    const stories = await storiesSubject();
    if (stories === undefined) console.log('stories260K skipped: ../shared/data has no such file.');
    else await take(stories);
    for (const subject of await textSubjects(seed, size.steps / 2)) await take(subject);
  }
  console.table(rows.map((row) => ({ ...row, bytes: round(row.bytes), drop: round(row.drop) })));
  console.log(
    digit.feedback.trials
      .map(({ what, figure }) => `feedback: ${what}: ${(100 * figure).toFixed(2)} %`)
      .join('\n'),
  );
  const results = { rows, digits: digit.testName, feedback: digit.feedback };
  return { results, aims: [...aimsOf(rows), ...digit.aims, ...aims] };
};

async function measured(subject: Subject, rounds: number): Promise<Row[]> {
  const names = Object.keys(subject.methods);
  const models = Object.values(subject.methods);
  const figures = await figuresOf([subject.parent, ...models], subject.feeds, rounds);
  const [floatMs = 0, ...times] = figures.map(({ p50Ms }) => p50Ms);
  return Promise.all(
    models.map(async (model, i): Promise<Row> => {
      const ms = times[i] ?? 0;
      return {
        model: subject.model,
        method: names[i] ?? '',
        bytes: model.length / subject.parent.length,
        floatMs: round(floatMs),
        ms: round(ms),
        speed: round(floatMs / ms),
        travel: round(subject.parent.length / pack(model).length),
        drop: await subject.drop(model),
        unfused: (await fusionOf(model)).unfused.length,
      };
    }),
  );
}

const KERNEL_GAIN = 3.7; // of the largest convolutions of this model, measured alone

/** What can be gained at most, if every Conv, Gemm and MatMul ran as fast as the best of them does in int8. */
async function readerAim({ parent, feeds }: Subject, rows: readonly Row[]): Promise<Aim> {
  const times = await profile(parent, feeds, 10);
  const total = times.reduce((sum, { medianMs: ms }) => sum + ms, 0);
  const layers = times
    .filter(({ opType }) => /Conv|Gemm|MatMul/.test(opType))
    .reduce((sum, { medianMs: ms }) => sum + ms, 0);
  const bound = total / (total - layers * (1 - 1 / KERNEL_GAIN));
  const speed = rows.find(({ model, method }) => model === 'OCR recogniser' && method === READER)?.speed ?? 0;
  console.log(
    `OCR recogniser: ${round(layers)} of ${round(total)} ms are in layers; at most ${round(bound)} x can be gained.`,
  );
  return {
    name: 'OCR, share of the possible gain',
    value: (speed - 1) / (bound - 1),
    unit: 'x',
    aim: 0.8,
    op: '>=',
  };
}

const READER = 'static int8, squares';

/** Against the float model on the same lines. */
async function errorAim(ocr: Subject, lines: number): Promise<Aim> {
  const { float, rounded } = await readerErrors(ocr, READER, 4 * lines);
  console.log(
    `OCR recogniser: ${round(float)} % of the characters wrong in float, ${round(rounded)} % in int8`,
  );
  const name = 'OCR recogniser, character errors above those of float';
  return { name, value: rounded - float, unit: 'points', aim: 0.5, op: '<=' };
}

/** What the teacher adds to the student. */
function ahead(rows: readonly Row[]): Aim[] {
  const drop = (method: string): number => rows.find((row) => row.method === method)?.drop ?? 0;
  const value = drop('student, labels alone') - drop('student, distilled');
  return [{ name: 'student, distilled, ahead of labels alone', value, unit: 'points', aim: 1, op: '>=' }];
}

const LOSS_THAT_COUNTS = 0.5; // points; below it the share is noise of the test set

/** What feedback got back of what rounding to 4 bits cost. */
function recovered(rows: readonly Row[]): Aim[] {
  const drop = (method: string): number => rows.find((row) => row.method === method)?.drop ?? 0;
  const [lost, left] = [drop('all int4, one scale a layer'), drop('feedback')];
  if (lost < LOSS_THAT_COUNTS) return [];
  return [
    {
      name: 'feedback, recovered of what 4 bits lost',
      value: (lost - left) / lost,
      unit: 'x',
      aim: 0.9,
      op: '>=',
    },
  ];
}

function aimsOf(rows: readonly Row[]): Aim[] {
  const of = (
    model: string,
    method: string,
    key: 'bytes' | 'speed' | 'drop' | 'travel',
    aim: number,
  ): Aim[] => {
    const row = rows.find((one) => one.model === model && one.method === method);
    if (row === undefined) return [];
    const unit = key === 'drop' ? 'points' : 'x';
    return [
      {
        name: `${model}, ${method}, ${key}`,
        value: row[key],
        unit,
        aim,
        op: key === 'speed' || key === 'travel' ? '>=' : '<=',
      },
    ];
  };
  const best = {
    'digits CNN': 'static int8',
    'OCR recogniser': READER,
    LSTM: 'dynamic int8',
    transformer: 'dynamic int8',
  };
  return [
    ...Object.entries(best).flatMap(([model, method]) => [
      ...of(model, method, 'bytes', 0.26),
      ...of(model, method, 'drop', 0.5),
      ...of(model, method, 'speed', 1),
    ]),
    ...of('FFN 12.6M', 'static int8', 'bytes', 0.26),
    ...of('FFN 12.6M', 'static int8', 'speed', 2.5),
    ...of('CNN, all convolution', 'static int8', 'bytes', 0.26),
    ...of('CNN, all convolution', 'static int8', 'speed', 2),
    ...of('stories260K', 'dynamic int8', 'drop', 0.5),
    ...of('digits CNN', 'masked', 'drop', 0.1),
    ...of('digits CNN', 'float16', 'bytes', 0.51),
    ...of('digits CNN', 'thinned to half', 'drop', 1.2),
    ...of('digits CNN', 'thinned to half', 'speed', 1.7),
    ...of('digits CNN', 'pooled', 'speed', 1.5),
    ...of('digits CNN', 'pooled', 'drop', 1),
    ...of('digits CNN', '90 % zeros, static int8', 'travel', 19),
    ...of('digits CNN', '90 % zeros, static int8', 'drop', 1),
    ...of('digits CNN', 'student, distilled', 'drop', 1),
    ...ahead(rows),
    ...recovered(rows),
  ];
}
