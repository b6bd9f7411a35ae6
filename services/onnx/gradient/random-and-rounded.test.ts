import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { GraphBuilder } from '../builder.js';
import { Graph } from '../graph.js';
import { TensorProto_DataType as T, ValueInfoProtoSchema } from '../proto/onnx_pb.js';
import { seeded } from '../seeded.js';
import { bool, float32, floatValues, type Tensor } from '../tensor.js';
import { outputsOf } from '../testing/outputs.js';
import { writeGradients } from './backward.js';
import { Writer } from './writer.js';

/** The graph's output `y` and the gradients of `targets`, where everything above counts one. */
async function withGradients(
  g: GraphBuilder,
  targets: readonly string[],
  feeds: Readonly<Record<string, Tensor>>,
) {
  const graph = Graph.read(g.bytes());
  const write = new Writer(graph);
  const one = write.op('Expand', [write.float(1, 'y'), write.op('Shape', ['y'])]);
  const gradients = writeGradients(write, new Map([['y', one]]), targets);
  for (const name of gradients.values()) graph.proto.output.push(create(ValueInfoProtoSchema, { name }));
  const found = await outputsOf(graph.write(), feeds);
  const values = (name: string | undefined) => Array.from(floatValues(found[name ?? ''] as Tensor));
  return { y: values('y'), of: (name: string) => values(gradients.get(name)) };
}

test('what Dropout drops gets no gradient, what it keeps gets more', async () => {
  const g = new GraphBuilder({ opset: 21 });
  const x = g.input('x', T.FLOAT, [64]);
  const training = g.constant('training', bool([], [true]));
  g.op('Dropout', [x, g.float(0.25), training], { seed: 3n }, { outputs: ['y'] });
  g.output('y', T.FLOAT, [64]);
  const { y, of } = await withGradients(g, ['x'], { x: float32([64], new Float32Array(64).fill(1)) });
  expect(of('x')).toEqual(y);
  expect(new Set(y.map((value) => value.toFixed(4)))).toEqual(new Set(['0.0000', '1.3333']));
});

test('a learned step size has the gradient of its paper', async () => {
  const g = new GraphBuilder({ opset: 21 });
  const x = g.input('x', T.FLOAT, [40]);
  const s = g.input('s', T.FLOAT, []);
  const zero = g.constant('zero', { dataType: T.INT8, dims: [], data: Int8Array.of(0) });
  g.op('DequantizeLinear', [g.op('QuantizeLinear', [x, s, zero]), s, zero], {}, { outputs: ['y'] });
  g.output('y', T.FLOAT, [40]);
  const values = seeded(4).normals(40, 1);
  const step = 0.009; // 127 steps reach 1.1: some values are beyond
  const { of } = await withGradients(g, ['s'], { x: float32([40], values), s: float32([], [step]) });
  const expected = Array.from(values, (value) => {
    const v = value / step;
    return v > 127 ? 127 : v < -128 ? -128 : Math.round(v) - v;
  });
  expect(of('s')[0]).toBeCloseTo(
    expected.reduce((a, b) => a + b, 0),
    2,
  );
});
