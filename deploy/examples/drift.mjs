// What the chapter on drift needs (docs/distillation.md), in a folder of its own: clean and drifted requests for the digits, a teacher
// that makes grey paper white again before it asks them, and the recipe that follows it: node deploy/examples/drift.mjs
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GraphBuilder } from '../../dist/services/onnx/builder.js';
import { TensorProto_DataType as T } from '../../dist/services/onnx/proto/onnx_pb.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = join(root, '.massif/drift');
const requests = (...options) =>
  execFileSync(process.execPath, [join(root, 'deploy/examples/digits.mjs'), '--count', '1500', ...options], {
    maxBuffer: 2 ** 28,
  });
const json = (value) => `${JSON.stringify(value, undefined, 2)}\n`;

const PICTURE = ['batch', 1, 28, 28];
const g = new GraphBuilder({ opset: 17 });
const seen = g.input('x', T.FLOAT, PICTURE);
g.output(g.op('Div', [g.op('Sub', [seen, g.float(102)]), g.float(0.4)]), T.FLOAT, PICTURE, 'clear');

const patient = {
  name: 'patient',
  description: 'Grey paper made white again, then read.',
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1, 28, 28] }],
  steps: [
    { name: 'clear', endpoint: 'clear', in: { x: 'x' }, out: { clear: 'clear' } },
    { name: 'read', endpoint: 'digits', in: { x: 'clear' }, out: { probabilities: 'probabilities' } },
  ],
  outputs: ['probabilities'],
};
const follow = {
  steps: [
    {
      kind: 'distil',
      student: { from: 'itself' },
      teacher: { endpoint: 'patient' },
      share: 1,
      steps: 50,
      rate: 0.003,
    },
  ],
  budget: { latency: 1.1 },
};

mkdirSync(folder, { recursive: true });
const files = {
  'clean.jsonl': requests(),
  'drifted.jsonl': requests('--drifted'),
  'clear.onnx': g.bytes(),
  'patient.json': json(patient),
  'follow.json': json(follow),
};
for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
console.log(`${folder}: ${Object.keys(files).join(', ')}`);
