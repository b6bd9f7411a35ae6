import { expect, test } from 'vitest';
import { GraphBuilder } from './builder.js';
import { costOf } from './cost.js';
import { diff } from './diff.js';
import { Graph } from './graph.js';
import { profile, readProfile } from './profile.js';
import { TensorProto_DataType as T } from './proto/onnx_pb.js';
import { float32 } from './tensor.js';
import { mlp } from './testing/mlp.js';
import { ocrRecogniser, sileroVad } from './testing/real-models.js';

test('an MLP costs its weights times its rows', () => {
  const cost = costOf(Graph.read(mlp(1)), { bind: { batch: 3 } });
  expect(cost).toMatchObject({
    macs: 3 * (784 * 256 + 256 * 10),
    parameterBytes: 4 * (784 * 256 + 256 + 256 * 10 + 10),
    // Before the first node the input is alive alone; the hidden layer that replaces it is smaller.
    peakActivationBytes: 4 * 3 * 784,
    known: true,
  });
  expect(cost.nodes.map((node) => node.activationBytes)).toEqual([3 * 256 * 4, 3 * 256 * 4, 3 * 10 * 4]);
});

test.each<[string, number[], number[], Record<string, number[] | number>, number]>([
  ['Conv', [1, 4, 8, 8], [6, 2, 3, 3], { group: 2 }, 6 * 6 * 6 * 2 * 9],
  ['ConvTranspose', [1, 4, 5, 5], [4, 3, 2, 2], {}, 4 * 25 * 3 * 4],
  ['Gemm', [5, 2], [5, 3], { transA: 1 }, 2 * 3 * 5],
  ['MatMul', [7, 2, 5], [5, 3], {}, 7 * 2 * 3 * 5],
])('%s of %j and %j is counted exactly', (opType, a, b, attributes, macs) => {
  const g = new GraphBuilder();
  const x = g.input('x', T.FLOAT, a);
  const w = g.constant('w', float32(b, new Float32Array(b.reduce((p, q) => p * q, 1))));
  g.output(g.op(opType, [x, w], attributes), T.FLOAT);
  expect(costOf(new Graph(g.build())).macs).toBe(macs);
});

test('the recogniser has known costs once its sizes are bound, and lower bounds before', () => {
  const graph = Graph.read(ocrRecogniser());
  const bound = costOf(graph, { bind: { 'p2o.DynamicDimension.0': 1, 'p2o.DynamicDimension.1': 320 } });
  expect(bound.known).toBe(true);
  expect(bound.parameterBytes).toBeGreaterThan(10.7e6);
  expect(bound.macs).toBeGreaterThan(300e6);
  expect(costOf(graph)).toMatchObject({ known: false, macs: 0 });
});

test('a node with a body says that its figures are a lower bound', () => {
  expect(costOf(Graph.read(sileroVad())).known).toBe(false);
});

test('a profile names the nodes of the graph and what they took', async () => {
  const bytes = mlp(1);
  const times = await profile(bytes, { x: float32([1, 784], new Float32Array(784)) }, 4, {
    optimisation: 'disabled',
  });
  const graph = Graph.read(bytes);
  expect(times.map((time) => time.name)).toEqual(graph.nodes.map((node) => node.name));
  expect(times.map((time) => time.opType)).toEqual(['Gemm', 'Relu', 'Gemm']);
  for (const time of times) expect(time).toMatchObject({ runs: 4, medianMs: expect.any(Number) as number });
  expect(times.at(-1)?.outputs).toEqual([{ type: 'float', shape: [1, 10] }]);
});

test('what is no profile is refused', () => {
  expect(() => readProfile('{')).toThrow('not JSON');
  expect(() => readProfile('{}')).toThrow('not a list of events');
});

test('a difference is named by value and by what changed', () => {
  const [before, after] = [Graph.read(mlp(1)), Graph.read(mlp(1))];
  expect(diff(before, after)).toEqual([]);
  const relu = after.nodes.find((node) => node.opType === 'Relu');
  if (relu === undefined) throw new Error('no Relu');
  after.edit(relu, (node) => (node.opType = 'LeakyRelu'));
  after.setConstant('out_b', float32([10], new Float32Array(10)));
  after.add('Neg', ['x'], {}, ['minus']);
  for (const opset of after.model.opsetImport) opset.version = 18n;
  expect(diff(before, after)).toEqual([
    { kind: 'opset', change: 'changed', name: '', detail: 'version 17 to 18' },
    { kind: 'constant', change: 'changed', name: 'out_b', detail: 'values' },
    { kind: 'node', change: 'changed', name: relu.output[0], detail: 'opType :Relu to :LeakyRelu' },
    { kind: 'node', change: 'added', name: 'minus', detail: 'Neg' },
  ]);
  expect(diff(Graph.read(mlp(1)), Graph.read(mlp(1, 8))).map((one) => one.detail)).toContain(
    'dims [784,256] to [784,8]',
  );
});
