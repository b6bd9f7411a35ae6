// Subjects of bench compress that are rounded and nothing else: a dense, a convolutional and a reading network.
import { quantizeBlockwise } from '../../services/onnx/quantize/blockwise.js';
import { quantizeDynamic } from '../../services/onnx/quantize/dynamic.js';
import { toFloat16 } from '../../services/onnx/quantize/float16.js';
import { quantizeStatic } from '../../services/onnx/quantize/static.js';
import { ocrRecogniser } from '../../services/onnx/testing/real-models.js';
import {
  convolutionInput,
  convolutionNetwork,
  denseInput,
  denseNetwork,
  outputError,
  readingAgreement,
  textLines,
} from './large.js';
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

export async function convolutionSubject(seed: number): Promise<Subject> {
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

/** The calibrator whose model reads most of lines that judge nothing: shades of the line that they calibrated on cannot tell them apart. */
export async function bestReader({ methods }: Subject, count: number): Promise<string> {
  const lines = writtenLines(count, CHOOSING);
  let [best, least] = ['', Infinity];
  for (const [method, model] of Object.entries(methods)) {
    if (!method.startsWith('static')) continue;
    const wrong = await characterError(model, lines);
    console.log(`OCR recogniser: ${(100 * wrong).toFixed(2)} % wrong with ${method}, on lines to choose by`);
    if (wrong < least) [best, least] = [method, wrong];
  }
  return best;
}

/** What both read of lines whose text is known, in points of their characters. */
export async function readerErrors(
  { parent, methods }: Subject,
  method: string,
  count: number,
): Promise<{ float: number; rounded: number }> {
  const lines = writtenLines(count);
  const [float, rounded] = [
    100 * (await characterError(parent, lines)),
    100 * (await characterError(methods[method] ?? parent, lines)),
  ];
  return { float, rounded };
}

export async function readerSubject(lines: number): Promise<Subject> {
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
