// Requests for the digits that `massif train --recipe digits` makes, one body of the Open Inference Protocol a line: traffic for a release,
// samples for a compression. --drifted: on grey paper in faint ink: node deploy/examples/digits.mjs [--count 256] [--drifted] > digits.jsonl
import { parseArgs } from 'node:util';
import { digitImages } from '../../dist/services/onnx/data/package-source.js';

const { values } = parseArgs({
  options: { count: { type: 'string', default: '256' }, drifted: { type: 'boolean', default: false } },
});
const count = Number(values.count);
if (!Number.isInteger(count) || count < 4 || count > 2_000) {
  console.error('--count must be a whole number from 4 to 2000');
  process.exit(64);
}
const seen = (pixel) => (values.drifted ? Math.round(102 + 0.4 * pixel) : pixel);
const pictures = [];
for await (const batch of digitImages(count).read()) pictures.push(...batch);
// The package is sorted by digit; 7 and its number have no factor in common.
for (let i = 0; i < count; i++) {
  const { pixels } = pictures[(i * 7_919) % pictures.length];
  const data = Array.from(pixels, seen);
  process.stdout.write(
    `${JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 1, 28, 28], data }] })}\n`,
  );
}
