import { expect, test } from 'vitest';
import { GraphBuilder } from '../builder.js';
import { Graph } from '../graph.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { seeded } from '../seeded.js';
import { openSession } from '../session.js';
import { float32, floatValues } from '../tensor.js';
import { absorbConstants } from './absorb.js';
import { joinHardSwish } from './hard-swish.js';
import { relativeError } from './report.js';

const random = seeded(3);
const CHANNELS = 4;

interface Block {
  readonly kernel: number;
  readonly group?: number;
  /** Behind the layer: of one number, or one a channel. */
  readonly by: number[];
}

/** As MobileOne blocks are exported: a factor and a sum on both sides of the layer, hard swish in four nodes. */
function network(blocks: readonly Block[]): Graph {
  const g = new GraphBuilder({ opset: 17 });
  const number = (name: string, value: number) => g.constant(name, float32([1], [value]));
  let x = g.input('x', T.FLOAT, [1, CHANNELS, 5, 5]);
  blocks.forEach(({ kernel, group = 1, by }, i) => {
    const dims = [CHANNELS, CHANNELS / group, kernel, kernel];
    const count = dims.reduce((a, b) => a * b, 1);
    const weight = g.constant(`w${i}`, float32(dims, random.normals(count, 0.5)));
    const pad = (kernel - 1) / 2;
    x = g.op('Conv', [x, weight], { group, pads: [pad, pad, pad, pad] });
    const shape = by.length === 1 ? [1] : [CHANNELS, 1, 1];
    x = g.op('Mul', [g.constant(`by${i}`, float32(shape, by)), x]);
    x = g.op('Add', [x, number(`plus${i}`, 0.3)]);
    const raised = g.op('Add', [x, number(`three${i}`, 3)]);
    const gate = g.op('Clip', [raised, g.constant(`least${i}`, float32([], [0])), number(`six${i}`, 6)]);
    x = g.op('Div', [g.op('Mul', [x, gate]), number(`sixth${i}`, 6)]);
    x = g.op('Add', [g.op('Mul', [x, number(`factor${i}`, 0.4)]), number(`sum${i}`, -0.2)]);
  });
  g.output(x, T.FLOAT, [1, CHANNELS, 5, 5], 'y');
  return Graph.read(g.bytes());
}

const counted = (graph: Graph): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { opType } of graph.nodes) if (opType !== 'Identity') counts[opType] = (counts[opType] ?? 0) + 1;
  return counts;
};

async function answerOf(graph: Graph) {
  await using session = await openSession(graph.write());
  const { y } = await session.run({ x: float32([1, CHANNELS, 5, 5], seeded(5).normals(100, 2)) });
  return y ?? float32([0], []);
}

test('factors and sums around layers go into them, hard swish is two nodes, and the answers stay', async () => {
  const graph = network([
    { kernel: 1, by: [2] },
    { kernel: 3, group: CHANNELS, by: [1, -2, 0.5, 3] },
    { kernel: 1, by: [0.7] },
  ]);
  const before = await answerOf(graph);
  joinHardSwish(graph);
  absorbConstants(graph);
  // A sum stays before the padded layer, and both stay behind the last.
  expect(counted(graph)).toEqual({ Conv: 3, HardSigmoid: 3, Mul: 4, Add: 2 });
  const after = await answerOf(graph);
  expect(floatValues(after).length).toBe(100);
  expect(relativeError(before, after)).toBeLessThan(1e-5);
});

test('what somebody else reads as well, or is an output, stays where it is', async () => {
  const g = new GraphBuilder({ opset: 17 });
  const x = g.input('x', T.FLOAT, [1, CHANNELS, 5, 5]);
  const weight = g.constant('w', float32([CHANNELS, CHANNELS, 1, 1], random.normals(16, 0.5)));
  const two = g.constant('two', float32([1], [2]));
  const scaled = g.op('Mul', [x, two]);
  const first = g.op('Conv', [scaled, weight]);
  const second = g.op('Conv', [g.op('Add', [first, two]), weight]);
  g.output(g.op('Add', [second, scaled]), T.FLOAT, [1, CHANNELS, 5, 5], 'y');
  const graph = Graph.read(g.bytes());
  const before = await answerOf(graph);
  joinHardSwish(graph);
  absorbConstants(graph);
  expect(counted(graph)).toEqual({ Mul: 1, Conv: 2, Add: 2 });
  expect(relativeError(before, await answerOf(graph))).toBeLessThan(1e-6);
});
