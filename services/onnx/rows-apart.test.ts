import { expect, test } from 'vitest';
import { GraphBuilder } from './builder.js';
import { TensorProto_DataType as T } from './proto/onnx_pb.js';
import { rowsAreApart } from './rows-apart.js';
import { float32 } from './tensor.js';

const model = (op: 'Relu' | 'Softmax') => {
  const graph = new GraphBuilder({ opset: 17 });
  const x = graph.input('x', T.FLOAT, ['n', 3]);
  graph.output(graph.op(op, [x], op === 'Softmax' ? { axis: 0 } : {}), T.FLOAT, ['n', 3]);
  return graph.bytes();
};
const feeds = { x: float32([3, 3], Float32Array.from([1, -2, 3, 4, 5, -6, 7, 8, 9])) };

test('rows that look at each other are found out by a run', async () => {
  expect(await rowsAreApart(model('Relu'), feeds, 3)).toBe(true);
  expect(await rowsAreApart(model('Softmax'), feeds, 3)).toBe(false);
});

test('a model that does not run on them has no rows apart', async () => {
  expect(await rowsAreApart(model('Relu'), { y: feeds.x }, 3)).toBe(false);
});
