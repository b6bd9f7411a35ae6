import { expect, test } from 'vitest';
import { GraphBuilder } from '../builder.js';
import { Graph } from '../graph.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { float32 } from '../tensor.js';
import { outputsOf } from '../testing/outputs.js';
import { removeDeadNodes } from '../dead-nodes.js';
import { joined, joinReshapes } from './reshapes.js';

test('sizes that stay as they were are those of the first; two open ones cannot be joined', () => {
  expect(joined([-1, 4, 6], [0, 0, 2, 3])).toEqual([-1, 4, 2, 3]);
  expect(joined([0, 24], [0, 4, 6])).toEqual([0, 4, 6]);
  expect(joined([2, 3], [-1])).toEqual([-1]);
  expect(joined([-1, 4], [0, -1, 2])).toBeUndefined();
  expect(joined([24], [0, 0])).toBeUndefined();
});

test('of two in a row the last is left, of two alike one, and the answers stay the same', async () => {
  const g = new GraphBuilder({ opset: 21 });
  const x = g.input('x', T.FLOAT, ['batch', 2, 6]);
  const flat = (): string => g.op('Reshape', [g.op('Reshape', [x, g.ints([-1, 6])]), g.ints([0, 2, 3])]);
  g.output(g.op('Add', [flat(), g.op('Neg', [flat()])]), T.FLOAT, ['rows', 2, 3], 'none');
  g.output(g.op('Reshape', [g.op('Reshape', [x, g.ints([-1])]), g.ints([-1, 4])]), T.FLOAT, ['rows', 4], 'y');
  const graph = Graph.read(g.bytes());
  joinReshapes(graph);
  removeDeadNodes(graph);
  expect(graph.nodes.filter(({ opType }) => opType === 'Reshape')).toHaveLength(2);
  const feeds = {
    x: float32(
      [1, 2, 6],
      Float32Array.from({ length: 12 }, (_, i) => i),
    ),
  };
  expect(await outputsOf(graph.write(), feeds, {})).toEqual(await outputsOf(g.bytes(), feeds, {}));
});
