import { expect, test } from 'vitest';
import { reachable, removeDeadNodes } from './dead-nodes.js';
import { copyModel, extract } from './extract.js';
import { Graph } from './graph.js';
import { inferShapes } from './shape.js';
import { float32 } from './tensor.js';
import { mlp } from './testing/mlp.js';
import { largestDifference, outputsOf } from './testing/outputs.js';
import { sileroVad } from './testing/real-models.js';

const hiddenOf = (graph: Graph): string =>
  graph.nodes.find((node) => node.opType === 'Relu')?.output[0] ?? '';

test('a part carries its own weights and no others', () => {
  const graph = Graph.read(mlp(1));
  const types = inferShapes(graph);
  const hidden = hiddenOf(graph);
  const tail = extract(graph, [hidden], ['y'], { types });
  expect(tail.nodes.map((node) => node.opType)).toEqual(['Gemm']);
  expect(tail.proto.initializer.map((tensor) => tensor.name)).toEqual(['out_w', 'out_b']);
  expect(tail.declaredType(hidden)?.shape).toEqual(['batch', 256]);
});

test('a part that needs what it is not given is refused', () => {
  const graph = Graph.read(mlp(1));
  expect(() => extract(graph, [], ['y'])).toThrow(
    '"y" also depends on the input "x", which is outside the cut',
  );
  expect(() => extract(graph, ['x'], ['ghost'])).toThrow('The graph makes no "ghost"');
  expect(() => extract(graph, ['x'], [hiddenOf(graph)])).toThrow('infer shapes first');
});

test('editing a part leaves the whole as it was, bodies included', () => {
  const whole = Graph.read(sileroVad());
  const before = whole.write();
  const part = copyModel(whole);
  part.replaceUses('input', 'elsewhere');
  part.replaceUses('state', 'elsewhere');
  expect(part.consumers('elsewhere').size).toBeGreaterThan(0);
  expect(Buffer.from(whole.write()).equals(before)).toBe(true);
  expect(Buffer.from(part.write()).equals(before)).toBe(false);
});

test('dead nodes, their weights and their notes go; answers stay', async () => {
  const graph = Graph.read(mlp(1));
  const waste = graph.add('MatMul', [
    hiddenOf(graph),
    graph.setConstant('waste_w', float32([256, 2], new Float32Array(512))),
  ]);
  graph.add('Relu', [waste.output[0] ?? '']);
  graph.declareType(waste.output[0] ?? '', { dataType: 1, shape: ['batch', 2] });
  expect(removeDeadNodes(graph)).toBe(2);
  expect(graph.initializer('waste_w')).toBeUndefined();
  expect(graph.proto.valueInfo).toEqual([]);
  const feeds = { x: float32([1, 784], new Float32Array(784).fill(0.5)) };
  expect(largestDifference(await outputsOf(mlp(1), feeds), await outputsOf(graph.write(), feeds))).toBe(0);
});

test('nodes that only a body uses are alive', () => {
  const graph = Graph.read(sileroVad());
  const count = graph.nodes.length;
  expect(removeDeadNodes(graph)).toBe(0);
  expect(graph.nodes).toHaveLength(count);
  expect(reachable(graph, ['output']).names).toContain('input');
});
