import { expect, test } from 'vitest';
import { GraphBuilder } from '../builder.js';
import { Graph } from '../graph.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { visibleRange } from './visible-range.js';

const RANGE = { lowest: -29, highest: 15 };

/** The range of "x" that counts where the graph goes on like this. */
function rangeBefore(readers: (g: GraphBuilder, x: string) => string): typeof RANGE {
  const g = new GraphBuilder({ opset: 21 });
  const x = g.input('x', T.FLOAT, [1, 4]);
  g.output(readers(g, x), T.FLOAT, [1, 4], 'y');
  return visibleRange(Graph.read(g.bytes()), 'x', RANGE);
}

const gate = (g: GraphBuilder, x: string): string => g.op('HardSigmoid', [x], { alpha: 1 / 6, beta: 0.5 });

test('before a hard swish nothing below -3 takes a level, before a hard sigmoid nothing beyond 3 either', () => {
  const swish = rangeBefore((g, x) => g.op('Mul', [x, gate(g, x)]));
  expect(swish.lowest).toBeCloseTo(-3, 5);
  expect(swish.highest).toBe(15);
  const sigmoid = rangeBefore(gate);
  expect(sigmoid.lowest).toBeCloseTo(-3, 5);
  expect(sigmoid.highest).toBeCloseTo(3, 5);
});

test('a value that somebody else reads, or that is an answer, keeps its range', () => {
  expect(rangeBefore((g, x) => g.op('Add', [g.op('Mul', [x, gate(g, x)]), x]))).toEqual(RANGE);
  expect(rangeBefore((g, x) => g.op('Mul', [g.op('Neg', [x]), gate(g, x)]))).toEqual(RANGE);
});
