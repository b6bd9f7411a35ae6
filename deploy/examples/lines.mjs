// Requests for the OCR recogniser, so that a smaller version of it can be calibrated and compared: the example's line in other light, with
// other contrast and grain, one body of the Open Inference Protocol a line: node deploy/examples/lines.mjs [--count 24] > lines.jsonl
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { lineTensor, readPng } from '../../dist/client/ocr/line-image.js';
import { seeded } from '../../dist/services/onnx/seeded.js';

const { values } = parseArgs({ options: { count: { type: 'string', default: '24' } } });
const count = Number(values.count);
if (!Number.isInteger(count) || count < 4 || count > 512) {
  console.error('--count must be a whole number from 4 to 512');
  process.exit(64);
}
const { data, shape } = lineTensor(readPng(readFileSync(new URL('./line.png', import.meta.url))));
for (let i = 0; i < count; i++) {
  const random = seeded(i);
  const contrast = 1 - 0.4 * random.uniform();
  const light = 0.3 * (random.uniform() - 0.5);
  const grain = 0.3 * random.uniform();
  const noisy = Array.from(data, (value) => {
    const seen = contrast * value + light + grain * random.normal();
    return Number(seen.toFixed(3));
  });
  const body = { inputs: [{ name: 'x', datatype: 'FP32', shape, data: noisy }] };
  process.stdout.write(`${JSON.stringify(body)}\n`);
}
