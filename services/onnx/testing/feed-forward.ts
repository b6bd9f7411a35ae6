// A large dense network for benches and tests: what batching and splitting pay for.
import { GraphBuilder } from '../builder.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { seeded } from '../seeded.js';
import { float32 } from '../tensor.js';

/** Six blocks 512-2048-512: 12.6 million parameters, the feed-forward part of a small transformer. */
export function feedForward(seed: number): Uint8Array {
  const [width, inner] = [512, 2_048];
  const g = new GraphBuilder({ opset: 17, name: 'ffn' });
  const random = seeded(seed);
  const matrix = (name: string, from: number, to: number): string =>
    g.constant(name, float32([from, to], random.normals(from * to, Math.sqrt(1 / from))));
  let x = g.input('x', T.FLOAT, ['batch', width]);
  for (let block = 0; block < 6; block++) {
    const up = g.op('Relu', [g.op('MatMul', [x, matrix(`up${block}`, width, inner)])]);
    const down = g.op('MatMul', [up, matrix(`down${block}`, inner, width)]);
    x = g.op('Tanh', [g.op('Add', [x, down])]);
  }
  g.op('Identity', [x], {}, { outputs: ['y'] });
  g.output('y', T.FLOAT, ['batch', width]);
  return g.bytes();
}
