// Makes two further versions of the vad example, for a first release: one that answers the same and takes its time about it on purpose,
// and one that is as good as the first. The same files on every machine: node deploy/examples/vad-versions.mjs [FOLDER]
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Graph } from '../../dist/services/onnx/graph.js';
import { seeded } from '../../dist/services/onnx/seeded.js';
import { float32 } from '../../dist/services/onnx/tensor.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = process.argv[2] ?? join(root, '.massif', 'vad-versions');
const original = await readFile(join(root, 'node_modules/@ricky0123/vad-web/dist/silero_vad_v6.onnx'));
// A product of two matrices of this size is about a millisecond on one thread.
const SIZE = 256;
const PRODUCTS = 16;

/** A chain of products that hangs on the input, so that it cannot be computed beforehand; nothing of it reaches the answer. */
function slow() {
  const graph = Graph.read(original);
  const weights = float32([SIZE, SIZE], seeded(1).normals(SIZE * SIZE, 1 / SIZE));
  const matrix = graph.setConstant('slow_weights', weights);
  let value = graph.add('Add', [matrix, graph.add('ReduceMean', ['input'], { keepdims: 0 }).output[0]])
    .output[0];
  for (let i = 0; i < PRODUCTS; i++)
    value = graph.add('Tanh', [graph.add('MatMul', [value, matrix]).output[0]]).output[0];
  const none = graph.add('Mul', [
    graph.add('ReduceMean', [value], { keepdims: 0 }).output[0],
    graph.setConstant('slow_zero', float32([], [0])),
  ]).output[0];
  const quick = graph.fresh('quick');
  graph.edit(graph.producer('output'), (node) => {
    node.output = node.output.map((name) => (name === 'output' ? quick : name));
  });
  graph.add('Add', [quick, none], {}, ['output']);
  return graph.write();
}

/** The same network in other bytes, as a new export of it would be. */
function good() {
  const graph = Graph.read(original);
  graph.model.docString = 'Silero VAD v6, exported once more';
  return graph.write();
}

const card = {
  licence: 'MIT',
  description: 'A version of the vad example that was made for a first release.',
  source: 'Silero VAD v6, packaged as @ricky0123/vad-web',
  state: [{ input: 'state', output: 'stateN' }],
};
await mkdir(folder, { recursive: true });
await writeFile(join(folder, 'slow.onnx'), slow());
await writeFile(join(folder, 'good.onnx'), good());
await writeFile(join(folder, 'card.json'), JSON.stringify(card));
console.log(`slow.onnx, good.onnx and card.json are in ${folder}`);
