import { expect, test } from 'vitest';
import { GraphBuilder } from './builder.js';
import { Graph } from './graph.js';
import { TensorProto_DataType as T } from './proto/onnx_pb.js';
import { seeded } from './seeded.js';
import { float32, int64, type Tensor } from './tensor.js';
import { mlp } from './testing/mlp.js';
import { ocrRecogniser, sharedModel, sileroVad } from './testing/real-models.js';
import { largestDifference, outputsOf } from './testing/outputs.js';

const random = seeded(3);
const noise = (dims: number[], scale = 1): Tensor =>
  float32(
    dims,
    random.normals(
      dims.reduce((a, b) => a * b, 1),
      scale,
    ),
  );
const mnist = sharedModel('mnist-8.onnx');
const stories = sharedModel('stories260K.onnx');

const past = Object.fromEntries(
  [0, 1, 2, 3, 4].flatMap((i) =>
    ['key', 'value'].map((kind) => [`past_${kind}_${i}`, noise([1, 4, 3, 8], 0.3)]),
  ),
);

test.for<[string, Uint8Array | undefined, Record<string, Tensor>]>([
  ['the recogniser', ocrRecogniser(), { x: noise([1, 3, 48, 160]) }],
  [
    'silero',
    sileroVad(),
    { input: noise([1, 576], 0.1), state: noise([2, 1, 128]), sr: int64([], [16_000]) },
  ],
  ['the MLP', mlp(4), { x: noise([2, 784]) }],
  ['mnist-8', mnist, { Input3: noise([1, 1, 28, 28], 100) }],
  ['stories260K', stories, { input_ids: int64([1, 4], [1, 2, 3, 4]), ...past }],
])('%s read and written again answers the same to the last bit', async ([, bytes, feeds], { skip }) => {
  if (bytes === undefined) return skip('the shared data folder is not here');
  const graph = Graph.read(bytes);
  const before = await outputsOf(bytes, feeds);
  const after = await outputsOf(graph.write(), feeds);
  expect(Object.keys(before).length).toBeGreaterThan(0);
  expect(largestDifference(before, after)).toBe(0);
});

test('a graph knows who makes and who uses a value, bodies included', () => {
  const graph = Graph.read(sileroVad());
  const outer = graph.nodes.find((node) => node.opType === 'If');
  expect(graph.producer(outer?.output[0] ?? '')).toBe(outer);
  expect(graph.consumers('input')).toContain(outer);
  expect(outer?.input).not.toContain('input');
});

test('replacing uses reaches into bodies and leaves other values of that name alone', () => {
  const g = new GraphBuilder();
  const go = g.input('go', T.BOOL, []);
  const x = g.input('x', T.FLOAT, [2]);
  const branch = (name: string, op: string) => {
    const body = g.body(name);
    body.output(body.op(op, [x]), T.FLOAT, [2]);
    return body.graph;
  };
  g.output(
    g.op('If', [go], { then_branch: branch('yes', 'Neg'), else_branch: branch('no', 'Abs') }),
    T.FLOAT,
    [2],
  );
  const graph = new Graph(g.build());
  const twice = graph.add('Add', [x, x]).output[0] ?? '';
  for (const user of graph.consumers(x)) if (user.opType === 'If') expect(user.input).toEqual(['go']);
  graph.replaceUses('x', 'other');
  expect(graph.consumers('x').size).toBe(0);
  expect(graph.consumers('other').size).toBe(2);
  expect(graph.producer(twice)?.input).toEqual(['other', 'other']);
});

test('invented names meet no existing one', () => {
  const graph = Graph.read(mlp(1));
  const [node] = graph.nodes;
  graph.edit(node as NonNullable<typeof node>, (one) => one.output.splice(0, 1, 'Relu_0'));
  expect(graph.fresh('Relu')).not.toBe('Relu_0');
});

test('a graph edited out of order is written in order', async () => {
  const graph = Graph.read(mlp(1));
  const relu = graph.nodes.find((node) => node.opType === 'Relu');
  const [before] = relu?.input ?? [];
  const scaled = graph.fresh('scaled');
  graph.replaceUses(before ?? '', scaled);
  graph.add('Mul', [before ?? '', graph.setConstant('two', float32([], [2]))], {}, [scaled]);
  const y = (bytes: Uint8Array) =>
    outputsOf(bytes, { x: float32([1, 784], new Float32Array(784).fill(0.1)) });
  expect(graph.nodes.at(-1)?.opType).toBe('Mul');
  expect(largestDifference(await y(mlp(1)), await y(graph.write()))).toBeGreaterThan(0);
});
