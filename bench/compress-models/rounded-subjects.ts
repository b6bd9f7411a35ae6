// Subjects of bench compress that are rounded and nothing else: a dense network, two of convolutions and one that reads.
import { quantizeBlockwise } from '../../services/onnx/quantize/blockwise.js';
import { quantizeDynamic } from '../../services/onnx/quantize/dynamic.js';
import { toFloat16 } from '../../services/onnx/quantize/float16.js';
import { calibrated, quantizeStatic, writeStatic } from '../../services/onnx/quantize/static.js';
import type { Tensors } from '../../services/onnx/session.js';
import { ocrRecogniser } from '../../services/onnx/testing/real-models.js';
import {
  convolutionInput,
  convolutionNetwork,
  denseInput,
  denseNetwork,
  outputError,
  residualInput,
  residualNetwork,
  readingAgreement,
  textLines,
} from './large.js';
import { type Aim, round } from '../report.js';
import type { Subject } from './subject.js';
import { characterError, writtenLines } from './written-lines.js';

const CHOOSING = 10_000;

export async function denseSubject(seed: number): Promise<Subject> {
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

export const convolutionSubject = (seed: number): Promise<Subject> =>
  roundedPictures('CNN, all convolution', convolutionNetwork(seed), convolutionInput, seed);

export const RESIDUAL = 'ResNet-18';
export const residualSubject = (seed: number): Promise<Subject> =>
  roundedPictures(RESIDUAL, residualNetwork(seed), residualInput, seed);

async function roundedPictures(
  model: string,
  parent: Uint8Array,
  input: (seed: number) => Tensors,
  seed: number,
): Promise<Subject> {
  const feeds = input(seed);
  const samples = [1, 2, 3, 4].map((i) => input(seed + i));
  return {
    model,
    parent,
    feeds,
    methods: { 'static int8': (await quantizeStatic(parent, samples)).model },
    drop: async (rounded) => 100 * (await outputError(parent, rounded, feeds)),
  };
}

/** The calibrator whose model reads most of lines that judge nothing: shades of the line that they calibrated on cannot tell them apart. */
async function bestReader<Method extends string>(
  methods: Readonly<Record<Method, Uint8Array>>,
  count: number,
): Promise<Method> {
  const lines = writtenLines(count, CHOOSING);
  const trials: { readonly method: Method; readonly wrong: number }[] = [];
  for (const method of Object.keys(methods) as Method[]) {
    if (!method.startsWith('static')) continue;
    const wrong = await characterError(methods[method], lines);
    console.log(`OCR recogniser: ${(100 * wrong).toFixed(2)} % wrong with ${method}, on lines to choose by`);
    trials.push({ method, wrong });
  }
  return trials.reduce((a, b) => (b.wrong < a.wrong ? b : a)).method;
}

/** What it reads wrong of lines whose text is known, against the float model on the same lines. */
async function errorAim(
  parent: Uint8Array,
  rounded: Uint8Array,
  method: string,
  count: number,
): Promise<Aim> {
  const lines = writtenLines(count);
  const [before, after] = [
    100 * (await characterError(parent, lines)),
    100 * (await characterError(rounded, lines)),
  ];
  console.log(
    `OCR recogniser: ${round(before)} % of the characters wrong in float, ${round(after)} % with ${method}`,
  );
  const name = 'OCR recogniser, character errors above those of float';
  return { name, value: after - before, unit: 'points', aim: 0.5, op: '<=' };
}

export async function readerSubject(lines: number): Promise<Subject> {
  const parent = ocrRecogniser();
  const all = textLines(lines + 8);
  const held = all.slice(8);
  const found = await calibrated(parent, all.slice(0, 8));
  const methods = {
    'static int8': writeStatic(found).model,
    'static int8, squares': writeStatic(found, { calibrator: 'squares' }).model,
    'static int8, percentile': writeStatic(found, { calibrator: 'percentile' }).model,
    'dynamic int8': (await quantizeDynamic(parent)).model,
    float16: toFloat16(parent).model,
  } as const;
  const best = await bestReader(methods, 4 * lines);
  return {
    model: 'OCR recogniser',
    parent,
    feeds: all[0] ?? {},
    methods,
    best,
    aims: [await errorAim(parent, methods[best], best, 4 * lines)],
    drop: async (model) => 100 * (1 - (await readingAgreement(parent, model, held))),
  };
}
