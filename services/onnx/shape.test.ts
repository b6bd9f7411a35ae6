import { expect, test } from 'vitest';
import { GraphBuilder } from './builder.js';
import { Graph } from './graph.js';
import { TensorProto_DataType as T } from './proto/onnx_pb.js';
import { seeded } from './seeded.js';
import { inferShapes } from './shape.js';
import { elementCount, float32, int64, type Tensor } from './tensor.js';
import { allValues } from './testing/all-values.js';
import { mlp } from './testing/mlp.js';
import { ocrClassifier, ocrDetector, ocrRecogniser, sharedModel, sileroVad } from './testing/real-models.js';
import type { Dim } from './value-info.js';

const random = seeded(11);
const noise = (...dims: number[]): Tensor => float32(dims, random.normals(elementCount(dims), 0.5));

const past = Object.fromEntries(
  [0, 1, 2, 3, 4].flatMap((i) => ['key', 'value'].map((kind) => [`past_${kind}_${i}`, noise(1, 4, 3, 8)])),
);

test.for<[string, Uint8Array | undefined, Record<string, Tensor>]>([
  ['the recogniser', ocrRecogniser(), { x: noise(2, 3, 48, 160) }],
  ['the detector', ocrDetector(), { x: noise(1, 3, 96, 64) }],
  ['the classifier', ocrClassifier(), { x: noise(3, 3, 48, 192) }],
  ['silero', sileroVad(), { input: noise(1, 576), state: noise(2, 1, 128), sr: int64([], [16_000]) }],
  ['the MLP', mlp(4), { x: noise(5, 784) }],
  ['mnist-8', sharedModel('mnist-8.onnx'), { Input3: noise(1, 1, 28, 28) }],
  ['stories260K', sharedModel('stories260K.onnx'), { input_ids: int64([1, 4], [1, 2, 3, 4]), ...past }],
])('inferred types of %s are those that onnxruntime computes', async ([name, bytes, feeds], { skip }) => {
  if (bytes === undefined) return skip('the shared data folder is not here');
  const inputShapes = Object.fromEntries(
    Object.entries(feeds).map(([input, tensor]) => [input, tensor.dims]),
  );
  const inferred = inferShapes(Graph.read(bytes), { inputShapes });
  const values = Object.entries(await allValues(bytes, feeds));
  const wrong = values.flatMap(([value, tensor]) => {
    const type = inferred.get(value);
    const known = type?.shape?.every((dim) => typeof dim === 'number') === true;
    if (type?.dataType === tensor.dataType && type.shape?.join() === tensor.dims.join()) return [];
    // The branches of silero's If give different shapes: nothing is said about its results, and nothing wrong.
    return name === 'silero' && !known
      ? []
      : [`${value}: ${tensor.dims.join()}, inferred ${type?.shape?.join() ?? 'nothing'}`];
  });
  expect(wrong).toEqual([]);
});

test('sizes that vary keep their names through a whole convolutional network', () => {
  const shapes = inferShapes(Graph.read(ocrRecogniser()));
  const [n, w] = ['p2o.DynamicDimension.0', 'p2o.DynamicDimension.1'];
  expect(shapes.get('softmax_11.tmp_0')?.shape).toEqual([n, `floor((${w}+3)/8)`, 6625]);
  expect([...shapes.values()].filter((type) => type.shape?.some((dim) => String(dim).includes('?')))).toEqual(
    [],
  );
});

test('names can be bound to numbers', () => {
  const shapes = inferShapes(Graph.read(mlp(1)), { bind: { batch: 8 } });
  expect(shapes.get('y')).toEqual({ dataType: T.FLOAT, shape: [8, 10] });
});

test('sizes of a cache add up by name', () => {
  const g = new GraphBuilder();
  const cache = g.input('cache', T.FLOAT, ['past', 4]);
  const now = g.input('now', T.FLOAT, ['seq', 4]);
  g.output(g.op('Concat', [cache, now], { axis: 0 }, { outputs: ['both'] }), T.FLOAT);
  const flat = g.op('Reshape', ['both', g.ints([-1])], {}, { outputs: ['flat'] });
  g.output(flat, T.FLOAT);
  const shapes = inferShapes(new Graph(g.build()));
  expect(shapes.get('both')?.shape).toEqual(['past+seq', 4]);
  expect(shapes.get('flat')?.shape).toEqual(['4*past+4*seq']);
});

test('the state of a loop keeps the sizes that every turn keeps', () => {
  const g = new GraphBuilder();
  const trips = g.input('trips', T.INT64, []);
  const x = g.input('x', T.FLOAT, ['n', 2]);
  const body = g.body('turn');
  body.input('i', T.INT64, []);
  const go = body.input('go', T.BOOL, []);
  const state = body.input('state', T.FLOAT, ['rows', 2]);
  body.output(go, T.BOOL, [], 'go_on');
  body.output(body.op('Concat', [state, state], { axis: 0 }), T.FLOAT, ['more', 2]);
  body.output(body.op('Shape', [state]), T.INT64, [2]);
  const [last = '', each = ''] = g.ops('Loop', [trips, '', x], 2, { body: body.graph });
  g.output(last, T.FLOAT);
  g.output(each, T.INT64);
  const shapes = inferShapes(new Graph(g.build()));
  expect(shapes.get(last)?.shape?.[0]).toMatch(/^\?/);
  expect(shapes.get(last)?.shape?.[1]).toBe(2);
  expect(shapes.get(each)?.shape?.[1]).toBe(2);
});

test.each<[string, Dim[], Dim[], RegExp]>([
  ['MatMul', [2, 3], [4, 5], /shapes do not fit at node "y" \(MatMul\): \[2, 3\] times \[4, 5\]/],
  ['Add', [2, 3], [4], /3 against 4|4 against 3/],
  ['Conv', [1, 3, 8, 8], [4, 5, 3, 3], /against weights/],
  ['Concat', [2, 3], [2, 4], /along axis 0/],
])('%s of shapes that do not fit is refused by node', (opType, a, b, message) => {
  const g = new GraphBuilder();
  const inputs = [g.input('a', T.FLOAT, a), g.input('b', T.FLOAT, b)];
  g.output(g.op(opType, inputs, opType === 'Concat' ? { axis: 0 } : {}, { outputs: ['y'] }), T.FLOAT);
  expect(() => inferShapes(new Graph(g.build()))).toThrow(message);
});
