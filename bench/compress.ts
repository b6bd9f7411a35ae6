// What smaller versions of models cost and gain: one row a model and method, with bytes, latency and accuracy against the float
// parent, all in one run. Digits and texts are learned here; the large networks have weights from a seed and are there for speed.
// First everything is made, on all processors, then it is timed alone.
import { type NodeTime, profile } from '../services/onnx/profile.js';
import { fusionOf } from '../services/onnx/quantize/fused.js';
import { calibrated } from '../services/onnx/quantize/static.js';
import { figuresOf } from '../services/onnx/recipe/figures.js';
import type { Tensors } from '../services/onnx/session.js';
import { type KernelGains, kernelGains, possibleGain, sumOf } from './compress-models/kernel-gain.js';
import { outputError } from './compress-models/large.js';
import { PART_NAMES } from './compress-models/parts.js';
import { RESIDUAL } from './compress-models/rounded-subjects.js';
import { sideBySide } from './compress-models/side-by-side.js';
import { type Made, SIZES } from './compress-models/subject.js';
import { DEEP, TO_HALF, TO_LATENCY } from './compress-models/thinned.js';
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
  /** Relative error of the first answer. */
  readonly apart: number;
  /** Planned layers that onnxruntime does not run in integers. */
  readonly unfused: number;
}

export const benchmark: Benchmark = async ({ form, seed, only = '', log }) => {
  const size = SIZES[form];
  const wanted = PART_NAMES.filter((name) => name.startsWith(form === 'ci' ? 'digits CNN' : only));
  const parts = await sideBySide(wanted, seed, size);
  log('everything is made; now it is timed, alone');
  const rows: Row[] = [];
  const aims: Aim[] = [];
  for (const part of parts) {
    rows.push(...(await measured(part, size.rounds)));
    aims.push(...(part.aims ?? []));
  }
  const ocr = parts.find(({ model }) => model === READER);
  const convolutions = parts.find(({ model }) => model === CONVOLUTIONS);
  if (ocr !== undefined || convolutions !== undefined) {
    const gains = await kernelGains();
    if (ocr !== undefined) aims.push(...(await readerAims(ocr, rows, gains)));
    if (convolutions !== undefined) aims.push(...(await convolutionAims(convolutions, rows, gains)));
  }
  const [first] = parts;
  if (form !== 'ci' && first?.model === 'digits CNN')
    aims.push(await calibrationAim(first.parent, first.feeds));
  console.table(rows.map((row) => ({ ...row, bytes: round(row.bytes), drop: round(row.drop) })));
  return { results: { rows }, aims: [...aimsOf(rows, ocr?.best ?? ''), ...aims] };
};

async function measured({ model: parentName, parent, feeds, methods }: Made, rounds: number): Promise<Row[]> {
  const figures = await figuresOf([parent, ...methods.map(({ model }) => model)], feeds, rounds);
  const [floatMs = 0, ...times] = figures.map(({ p50Ms }) => p50Ms);
  return Promise.all(
    methods.map(async ({ name, model, drop, packed }, i): Promise<Row> => {
      const ms = times[i] ?? 0;
      return {
        model: parentName,
        method: name,
        bytes: model.length / parent.length,
        floatMs: round(floatMs),
        ms: round(ms),
        speed: round(floatMs / ms),
        travel: round(parent.length / packed),
        drop,
        apart: round(await outputError(parent, model, feeds)),
        unfused: (await fusionOf(model)).unfused.length,
      };
    }),
  );
}

const READER = 'OCR recogniser';
const CONVOLUTIONS = 'CNN, all convolution';
/**
 * What int8 gained, of what the profile of the float model and the integer kernels of this processor allow (kernel-gain.ts). Nodes that go
 * into layers while the model is prepared (quantize/absorb.ts) are gained beside that: the share may be above 1.
 */
async function readerAims(
  { parent, feeds, methods, best = '' }: Made,
  rows: readonly Row[],
  gains: KernelGains,
): Promise<Aim[]> {
  const chosen = methods.find(({ name }) => name === best)?.model ?? parent;
  const [times, after] = [await profile(parent, feeds, 10), await profile(chosen, feeds, 10)];
  const bound = possibleGain(times, gains);
  const speed = speedOf(rows, READER, best);
  console.log(
    `OCR recogniser: with kernels ${round(gains.convolution)} (convolutions) and ${round(gains.dense)} times as fast (dense) at most ${round(bound)} x of ${round(sumOf(times))} ms can be gained there.`,
  );
  console.log(`OCR recogniser, in float: ${byOperator(times)}`);
  console.log(`OCR recogniser, in int8: ${byOperator(after)}`);
  const share = (speed - 1) / (bound - 1);
  return [{ name: 'OCR, share of the possible gain', value: share, unit: 'x', aim: 0.8, op: '>=' }];
}

/** Where kernels are not twice as fast as float ones, nothing that is convolution alone can be. */
async function convolutionAims(
  { model, parent, feeds }: Made,
  rows: readonly Row[],
  gains: KernelGains,
): Promise<Aim[]> {
  const bound = possibleGain(await profile(parent, feeds, 10), gains);
  const value = speedOf(rows, model, 'static int8') / bound;
  const name = `${model}, static int8, speed of the possible ${round(bound)} x`;
  return [{ name, value, unit: 'x', aim: 0.95, op: '>=' }];
}

const speedOf = (rows: readonly Row[], model: string, method: string): number =>
  rows.find((row) => row.model === model && row.method === method)?.speed ?? 0;

/** The operators that take most, with their milliseconds. */
function byOperator(nodes: readonly NodeTime[]): string {
  const sums = new Map<string, { count: number; ms: number }>();
  for (const { opType, medianMs } of nodes) {
    const { count, ms } = sums.get(opType) ?? { count: 0, ms: 0 };
    sums.set(opType, { count: count + 1, ms: ms + medianMs });
  }
  return [...sums]
    .toSorted(([, a], [, b]) => b.ms - a.ms)
    .slice(0, 8)
    .map(([opType, { count, ms }]) => `${count} ${opType} ${ms.toFixed(2)} ms`)
    .join(', ');
}

/** Of the process, while 10,000 examples go by. */
async function calibrationAim(parent: Uint8Array, sample: Tensors): Promise<Aim> {
  const rows = sample['image']?.dims[0] ?? 1;
  const before = process.memoryUsage.rss();
  await calibrated(
    parent,
    Array.from({ length: Math.ceil(10_000 / rows) }, () => sample),
  );
  const value = Math.max(0, process.memoryUsage.rss() - before) / 1e6;
  return { name: 'calibration on 10,000 digits, growth of memory', value, unit: 'MB', aim: 100, op: '<=' };
}

/** Four bits where they are borne cost nothing beside eight everywhere; the bytes are the digits' own aim. */
function maskedAims(rows: readonly Row[]): Aim[] {
  const drop = (method: string): number | undefined => rows.find((row) => row.method === method)?.drop;
  const [masked, uniform] = [drop('masked'), drop('static int8')];
  if (masked === undefined || uniform === undefined) return [];
  const value = masked - uniform;
  return [{ name: 'masked, points lost beside int8', value, unit: 'points', aim: 0.1, op: '<=' }];
}

/** What the teacher adds to the student where a twentieth of the digits has a label; where all have: digit-student.ts. */
function ahead(rows: readonly Row[]): Aim[] {
  const drop = (method: string): number =>
    rows.find((row) => row.model === 'digits CNN' && row.method === method)?.drop ?? Number.NaN;
  const [taught, alone] = ['student, no labels, distilled', 'student, 512 labels'] as const;
  const value = drop(alone) - drop(taught);
  if (Number.isNaN(value)) return [];
  return [{ name: `${taught}, ahead of ${alone}`, value, unit: 'points', aim: 1, op: '>=' }];
}

const LOSS_THAT_COUNTS = 0.5; // points; below it the share is noise of the test set

/** What feedback got back of what rounding to 4 bits cost. */
function recovered(rows: readonly Row[]): Aim[] {
  const drop = (model: string, method: string): number | undefined =>
    rows.find((row) => row.model === model && row.method === method)?.drop;
  const cases = [
    ['feedback', 'digits CNN', 'all int4, one scale a layer', 'feedback', ''],
    [
      ...(['feedback on the student', 'digits CNN', 'student, int4, one scale a layer'] as const),
      ...(['student, int4, feedback', 'student, distilled'] as const),
    ],
    ['feedback on turned lines', 'line classifier', 'all int4', 'feedback', ''],
  ] as const;
  return cases.flatMap(([name, model, rounded, mended, before]): Aim[] => {
    const float = drop(model, before) ?? 0;
    const [lost, left] = [drop(model, rounded), drop(model, mended)];
    if (lost === undefined || left === undefined || lost - float < LOSS_THAT_COUNTS) return [];
    const points = round(lost - float);
    const value = (lost - left) / (lost - float);
    return [{ name: `${name}, recovered of ${points} points`, value, unit: 'x', aim: 0.9, op: '>=' }];
  });
}

function aimsOf(rows: readonly Row[], reader: string): Aim[] {
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
    [READER]: reader,
    LSTM: 'dynamic int8',
    transformer: 'dynamic int8',
  };
  const exact = rows
    .filter(({ method }) => method === 'float16')
    .map(({ model, apart }): Aim => {
      const name = `${model}, float16, answers`;
      return { name, value: apart, unit: 'relative', aim: 1e-3, op: '<=' };
    });
  return [
    ...Object.entries(best).flatMap(([model, method]) => [
      ...of(model, method, 'bytes', 0.26),
      // What the recogniser loses is counted in characters that it reads wrong (rounded-subjects.ts); its row has the places that change.
      ...(model === READER ? [] : of(model, method, 'drop', 0.5)),
      ...of(model, method, 'speed', 1),
    ]),
    ...of('FFN 12.6M', 'static int8', 'bytes', 0.26),
    ...of('FFN 12.6M', 'static int8', 'speed', 2.5),
    ...[RESIDUAL, CONVOLUTIONS].flatMap((model) => [
      ...of(model, 'static int8', 'bytes', 0.26),
      ...of(model, 'static int8', 'speed', 2),
    ]),
    ...of('transformer', 'static int8', 'bytes', 0.26),
    ...of('stories260K', 'dynamic int8', 'drop', 0.5),
    ...maskedAims(rows),
    ...of('digits CNN', 'float16', 'bytes', 0.51),
    ...['digits CNN', DEEP].flatMap((model) =>
      [TO_HALF, TO_LATENCY].flatMap((method) => [
        ...of(model, method, 'drop', 1.2),
        ...of(model, method, 'speed', 1.7),
      ]),
    ),
    ...of('digits CNN', 'pooled', 'speed', 1.5),
    ...of('digits CNN', 'pooled', 'drop', 1),
    ...of('digits CNN', '90 % zeros, static int8', 'travel', 19),
    ...of('digits CNN', '90 % zeros, static int8', 'drop', 1),
    ...of('digits CNN', 'student, distilled', 'drop', 1),
    ...ahead(rows),
    ...recovered(rows),
    ...exact,
  ];
}
