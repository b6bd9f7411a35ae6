import { expect, test } from 'vitest';
import { cutPoints } from './cut-points.js';
import { diff } from './diff.js';
import { Graph } from './graph.js';
import { merge } from './merge.js';
import { optimised } from './optimised.js';
import { seeded } from './seeded.js';
import type { Tensors } from './session.js';
import { split, splitAt } from './split.js';
import { elementCount, float32, int64, type Tensor } from './tensor.js';
import { mlp } from './testing/mlp.js';
import { largestDifference, outputsOf } from './testing/outputs.js';
import { ocrClassifier, ocrRecogniser, sharedModel } from './testing/real-models.js';

const random = seeded(5);
const noise = (...dims: number[]): Tensor => float32(dims, random.normals(elementCount(dims), 1));
const recogniser = await optimised(ocrRecogniser());

test('the recogniser has 209 places where a single activation crosses', () => {
  const { points, order } = cutPoints(Graph.read(recogniser));
  expect(order).toHaveLength(407);
  expect(points).toHaveLength(209);
});

test('mnist-8 has a place after each of its nodes but the last (skips without shared data)', ({ skip }) => {
  const bytes = sharedModel('mnist-8.onnx') ?? skip('the shared data folder is not here');
  expect(cutPoints(Graph.read(bytes)).points.map((point) => point.position)).toEqual(
    Array.from({ length: 10 }, (_, i) => i + 1),
  );
});

test('the recogniser in halves answers as the whole, to the last bit', async () => {
  const whole = Graph.read(recogniser);
  const halves = split(whole, ['p2o.Add.135']);
  const files = halves.map((half) => half.write());
  const feeds = { x: noise(1, 3, 48, 320) };
  const expected = await outputsOf(recogniser, feeds);
  const [crossing] = halves[1]?.inputs ?? [];
  expect(crossing?.name).toBe('p2o.Add.135');
  expect(largestDifference(expected, await inARow(files, feeds))).toBe(0);
  // Each file carries its own weights alone.
  const sizes = files.map((file) => file.length);
  expect(sizes.reduce((a, b) => a + b, 0)).toBeLessThan(recogniser.length * 1.01);
});

test('a cut at any of its places leaves no difference', async () => {
  const bytes = ocrClassifier();
  const graph = Graph.read(bytes);
  const feeds = { x: noise(1, 3, 48, 192) };
  const expected = await outputsOf(bytes, feeds);
  const { points } = cutPoints(graph);
  expect(points.length).toBeGreaterThan(40);
  for (const { value } of points.filter((_, i) => i % 5 === 0)) {
    const files = split(graph, [value]).map((stage) => stage.write());
    expect([value, largestDifference(expected, await inARow(files, feeds))]).toEqual([value, 0]);
  }
});

test('stages may pass several values: a decoder with its caches in three pieces', async ({ skip }) => {
  const bytes = sharedModel('stories260K.onnx') ?? skip('the shared data folder is not here');
  const caches = [0, 1, 2, 3, 4].flatMap((i) =>
    ['key', 'value'].map((kind) => [`past_${kind}_${i}`, noise(1, 4, 3, 8)]),
  );
  const feeds = {
    input_ids: int64([1, 2], [5, 6]),
    ...(Object.fromEntries(caches) as Record<string, Tensor>),
  };
  const files = splitAt(Graph.read(bytes), [35, 70]).map((stage) => stage.write());
  expect(files).toHaveLength(3);
  expect(largestDifference(await outputsOf(bytes, feeds), await inARow(files, feeds))).toBe(0);
});

test('merged halves are the whole again: same nodes, same weights, same answers', async () => {
  const graph = Graph.read(recogniser);
  const [first, second] = split(graph, ['p2o.Add.135']) as [Graph, Graph];
  const merged = merge(first, second);
  expect(diff(graph, merged)).toEqual([]);
  const feeds = { x: noise(1, 3, 48, 64) };
  expect(largestDifference(await outputsOf(recogniser, feeds), await outputsOf(merged.write(), feeds))).toBe(
    0,
  );
});

test('two models that use the same names inside are kept apart', async () => {
  const [first, second] = [Graph.read(mlp(1)), Graph.read(mlp(2, 32))];
  const merged = merge(first, flatten10to784(second), { join: { y: 'x' } });
  const x = noise(2, 784);
  const { y } = await outputsOf(mlp(1), { x });
  const wide = float32(
    [2, 784],
    Array.from({ length: 2 * 784 }, (_, i) => Number(y?.data[Math.floor(i / 784) * 10])),
  );
  const expected = await outputsOf(mlp(2, 32), { x: wide });
  const answer = await outputsOf(merged.write(), { x });
  expect(Object.keys(answer)).toHaveLength(1);
  expect(largestDifference({ y: Object.values(answer)[0] as Tensor }, expected)).toBe(0);
});

test('what cannot be joined or cut is refused with the reason', () => {
  const graph = Graph.read(recogniser);
  const { order, points } = cutPoints(graph);
  const places = new Set(points.map((point) => point.value));
  const inBranch = order.find((node, i) => i > 0 && !places.has(node.output[0] ?? ''))?.output[0] ?? '';
  expect(() => split(graph, ['no such value'])).toThrow('is not made inside the graph');
  expect(() => split(graph, [inBranch])).toThrow(/A cut at .* would also cut/);
  expect(() => splitAt(graph, [0])).toThrow('A stage would be empty');
  expect(() => merge(Graph.read(mlp(1)), Graph.read(mlp(2)))).toThrow(
    'No output of the first model is an input',
  );
  expect(() => merge(graph, Graph.read(mlp(1)), { join: { nothing: 'x' } })).toThrow('no output "nothing"');
});

/** Runs stage after stage; values may skip stages. */
async function inARow(files: readonly Uint8Array[], feeds: Tensors): Promise<Tensors> {
  const values: Record<string, Tensor> = { ...feeds };
  const finals = Object.keys(outputNames(files));
  for (const file of files) {
    const wanted = Graph.read(file).inputs.map((input) => input.name);
    const given = Object.fromEntries(
      wanted.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]]])),
    );
    Object.assign(values, await outputsOf(file, given));
  }
  return Object.fromEntries(
    finals.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]]])),
  );
}

/** Outputs that no other stage takes. */
function outputNames(files: readonly Uint8Array[]): Record<string, true> {
  const graphs = files.map((file) => Graph.read(file));
  const taken = new Set(graphs.flatMap((graph) => graph.inputs.map((input) => input.name)));
  const given = graphs.flatMap((graph) => graph.outputs.map((output) => output.name));
  return Object.fromEntries(given.filter((name) => !taken.has(name)).map((name) => [name, true]));
}

/** Lets a model that takes [batch, 784] take [batch, 10]: its first column 784 times. */
function flatten10to784(graph: Graph): Graph {
  const narrow = graph.fresh('first');
  const wide = graph.fresh('wide');
  graph.replaceUses('x', wide);
  graph.add('Gather', ['x', graph.setConstant(graph.fresh('zero'), int64([1], [0]))], { axis: 1 }, [narrow]);
  graph.add('Tile', [narrow, graph.setConstant(graph.fresh('times'), int64([2], [1, 784]))], {}, [wide]);
  return graph;
}
