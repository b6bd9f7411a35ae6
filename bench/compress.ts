// What smaller versions of models cost and gain: one row a model and method, with bytes, latency and accuracy against the float
// parent, all in one run. Digits and texts are learned here; the large networks have weights from a seed and are there for speed.
import { pack } from '../services/onnx/prune/transfer.js';
import { sparsifyGradually } from '../services/onnx/prune/sparsify.js';
import { taylor } from '../services/onnx/prune/saliency.js';
import { thin } from '../services/onnx/prune/thin.js';
import { Graph } from '../services/onnx/graph.js';
import { profile } from '../services/onnx/profile.js';
import { quantizeBlockwise } from '../services/onnx/quantize/blockwise.js';
import { quantizeDynamic } from '../services/onnx/quantize/dynamic.js';
import { quantizeWithFeedback } from '../services/onnx/quantize/feedback.js';
import { toFloat16 } from '../services/onnx/quantize/float16.js';
import { fusionOf } from '../services/onnx/quantize/fused.js';
import { quantizeMasked } from '../services/onnx/quantize/masked.js';
import { calibrated, quantizeStatic, writeStatic } from '../services/onnx/quantize/static.js';
import { figuresOf } from '../services/onnx/recipe/figures.js';
import type { Tensors } from '../services/onnx/session.js';
import { ocrRecogniser } from '../services/onnx/testing/real-models.js';
import { tuned, type Batches } from '../services/onnx/training/tune.js';
import { digits, digitsNetwork } from './compress-models/digits.js';
import {
  convolutionInput,
  convolutionNetwork,
  denseInput,
  denseNetwork,
  outputError,
  readingAgreement,
  textLines,
} from './compress-models/large.js';
import { encoderNetwork, lstmNetwork, textAccuracy, texts, textSample } from './compress-models/texts.js';
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
  /** In points; for networks that learned nothing, the relative error of their answers in percent. */
  readonly drop: number;
  /** Planned layers that onnxruntime does not run in integers. */
  readonly unfused: number;
}

interface Subject {
  readonly model: string;
  readonly parent: Uint8Array;
  readonly feeds: Tensors;
  readonly methods: Readonly<Record<string, Uint8Array>>;
  /** Points lost. */
  readonly drop: (model: Uint8Array) => Promise<number>;
}

const SIZES = {
  ci: { steps: 30, tests: 500, rounds: 8, lines: 2, feedbackSteps: 10 },
  quick: { steps: 250, tests: 4_000, rounds: 40, lines: 8, feedbackSteps: 100 },
  full: { steps: 800, tests: 10_000, rounds: 300, lines: 40, feedbackSteps: 300 },
} as const;

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
  await take(await denseSubject(seed));
  if (form !== 'ci') {
    await take(await convolutionSubject(seed));
    const ocr = await readerSubject(size.lines);
    await take(ocr);
    aims.push(await readerAim(ocr, rows));
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

async function digitsSubject(seed: number, size: (typeof SIZES)['ci' | 'quick' | 'full']) {
  const { testName, batches, samples, accuracy } = await digits(seed, size.tests);
  const parent = await tuned(digitsNetwork(seed), batches, { steps: size.steps, rate: 2e-3, threads: 2 });
  const float = await accuracy(parent);
  const found = await calibrated(parent, samples(32));
  const few = { ...batches, count: 20 };
  const weights = Graph.read(parent).proto.initializer.filter(({ dims }) => dims.length > 1);
  const fourBits = new Set(weights.map(({ name }) => name));
  const feedback = await quantizeWithFeedback(parent, {
    measure: accuracy,
    drop: 0.001,
    batches,
    samples: () => samples(32),
    fourBits,
    perChannel: false,
    steps: size.feedbackSteps,
    threads: 2,
  });
  const masked = await quantizeMasked(found, few, { share: 0.75 });
  const uniform = writeStatic(found).model;
  const small = await prunedDigits(parent, batches, size.steps);
  const subject: Subject = {
    model: 'digits CNN',
    parent,
    feeds: samples(1)[0] ?? {},
    methods: {
      'static int8': uniform,
      'static int8, entropy': writeStatic(found, { calibrator: 'entropy' }).model,
      'fixed-point int8': writeStatic(found, { scales: 'powerOfTwo' }).model,
      'all int4, one scale a layer': writeStatic(found, { fourBits, perChannel: false }).model,
      'all int4': writeStatic(found, { fourBits }).model,
      masked: masked.model,
      feedback: feedback.model,
      float16: toFloat16(parent).model,
      'thinned to half': small.thinned,
      'thinned, static int8': (await quantizeStatic(small.thinned, samples(32))).model,
      '90 % zeros, static int8': (await quantizeStatic(small.sparse, samples(32))).model,
    },
    drop: async (model) => 100 * (float - (await accuracy(model))),
  };
  const aims: Aim[] = [
    {
      name: 'masked, bytes of uniform int8',
      value: masked.model.length / uniform.length,
      unit: 'x',
      aim: 0.75,
      op: '<=',
    },
  ];
  const { float: whole, figure, trials } = feedback;
  return { subject, testName, aims, feedback: { float: whole, figure, trials } };
}

/** Both tuned as long as the parent was trained. */
async function prunedDigits(parent: Uint8Array, batches: Batches, steps: number) {
  const saliency = await taylor(parent, { ...batches, count: 20 });
  const cut = thin(parent, { saliency, keep: 0.5 });
  const thinned = await tuned(cut.model, batches, { steps, rate: 1e-3, threads: 2 });
  const rounds = 4;
  const options = { share: 0.9, rounds, batches, steps: Math.ceil(steps / rounds), rate: 1e-3, threads: 2 };
  return { thinned, sparse: (await sparsifyGradually(parent, options)).model };
}

async function denseSubject(seed: number): Promise<Subject> {
  const parent = denseNetwork(seed);
  const feeds = denseInput(seed, 1);
  return {
    model: 'FFN 12.6M',
    parent,
    feeds,
    methods: {
      'static int8': (await quantizeStatic(parent, [denseInput(seed + 1, 64)])).model,
      'dynamic int8': (await quantizeDynamic(parent)).model,
      'int4 blocks': (await quantizeBlockwise(parent)).model,
      float16: toFloat16(parent).model,
    },
    drop: async (model) => 100 * (await outputError(parent, model, denseInput(seed + 2, 16))),
  };
}

async function convolutionSubject(seed: number): Promise<Subject> {
  const parent = convolutionNetwork(seed);
  const feeds = convolutionInput(seed);
  const samples = [1, 2, 3, 4].map((i) => convolutionInput(seed + i));
  return {
    model: 'CNN, all convolution',
    parent,
    feeds,
    methods: { 'static int8': (await quantizeStatic(parent, samples)).model },
    drop: async (model) => 100 * (await outputError(parent, model, feeds)),
  };
}

async function readerSubject(lines: number): Promise<Subject> {
  const parent = ocrRecogniser();
  const all = textLines(lines + 8);
  const held = all.slice(8);
  return {
    model: 'OCR recogniser',
    parent,
    feeds: all[0] ?? {},
    methods: {
      'static int8': (await quantizeStatic(parent, all.slice(0, 8))).model,
      'static int8, squares': (await quantizeStatic(parent, all.slice(0, 8), { calibrator: 'squares' }))
        .model,
      'static int8, percentile': (await quantizeStatic(parent, all.slice(0, 8), { calibrator: 'percentile' }))
        .model,
      'dynamic int8': (await quantizeDynamic(parent)).model,
      float16: toFloat16(parent).model,
    },
    drop: async (model) => 100 * (1 - (await readingAgreement(parent, model, held))),
  };
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
  const speed =
    rows.find(({ model, method }) => model === 'OCR recogniser' && method === 'static int8')?.speed ?? 0;
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

async function textSubjects(seed: number, steps: number): Promise<Subject[]> {
  const subjects: Subject[] = [];
  for (const [model, network] of [
    ['LSTM', lstmNetwork],
    ['transformer', encoderNetwork],
  ] as const) {
    const parent = await tuned(network(seed), texts(seed), { steps, rate: 2e-3, threads: 2 });
    const float = await textAccuracy(parent, 100);
    const samples = [1, 2, 3, 4].map((i) => textSample(i, 16));
    const dynamic = (await quantizeDynamic(parent)).model;
    subjects.push({
      model,
      parent,
      feeds: textSample(7, 1),
      methods:
        model === 'LSTM'
          ? { 'dynamic int8': dynamic }
          : { 'static int8': (await quantizeStatic(parent, samples)).model, 'dynamic int8': dynamic },
      drop: async (one) => 100 * (float - (await textAccuracy(one, 100))),
    });
  }
  return subjects;
}

/** What feedback got back of what rounding to 4 bits cost. */
function recovered(rows: readonly Row[]): Aim[] {
  const drop = (method: string): number => rows.find((row) => row.method === method)?.drop ?? 0;
  const [lost, left] = [drop('all int4, one scale a layer'), drop('feedback')];
  if (lost < 2) return [];
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
      { name: `${model}, ${method}, ${key}`, value: row[key], unit, aim, op: key === 'speed' ? '>=' : '<=' },
    ];
  };
  const best = {
    'digits CNN': 'static int8',
    'OCR recogniser': 'static int8',
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
    ...of('digits CNN', 'masked', 'drop', 0.1),
    ...of('digits CNN', 'float16', 'bytes', 0.51),
    ...of('digits CNN', 'thinned to half', 'drop', 1.2),
    ...of('digits CNN', 'thinned to half', 'speed', 1.7),
    ...of('digits CNN', '90 % zeros, static int8', 'travel', 19),
    ...of('digits CNN', '90 % zeros, static int8', 'drop', 1),
    ...recovered(rows),
  ];
}
