import { expect, test } from 'vitest';
import { GraphBuilder } from '../builder.js';
import { Graph } from '../graph.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { modernise } from './lowering/modern.js';

const operatorsOf = (axis: number): string[] => {
  const g = new GraphBuilder({ opset: 11 });
  g.output(g.op('Softmax', [g.input('x', T.FLOAT, ['rows', 2, 3])], { axis }), T.FLOAT, undefined, 'y');
  const graph = Graph.read(g.bytes());
  modernise(graph);
  return graph.nodes.map(({ opType }) => opType).filter((opType) => opType !== 'Identity');
};

test('an old softmax over the last axis alone stays one node, over several it is flattened', () => {
  expect(operatorsOf(2)).toEqual(['Softmax']);
  expect(operatorsOf(-1)).toEqual(['Softmax']);
  expect(operatorsOf(1)).toContain('Flatten');
});
