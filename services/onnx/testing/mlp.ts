// The fixture that most tests and benchmarks serve: 784-256-10 with weights from a seed, 0.8 MB, about 0.1 ms a row.
import { GraphBuilder } from '../builder.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { seeded } from '../seeded.js';
import { float32 } from '../tensor.js';

/** `x` FP32 [batch, 784] to `y` FP32 [batch, 10]. Two seeds are two versions that answer differently. */
export function mlp(seed: number, hidden = 256): Uint8Array {
  const g = new GraphBuilder({ opset: 17, name: 'mlp' });
  const random = seeded(seed);
  const layer = (name: string, from: number, to: number): [string, string] => [
    g.constant(`${name}_w`, float32([from, to], random.normals(from * to, Math.sqrt(2 / from)))),
    g.constant(`${name}_b`, float32([to], random.normals(to, 0.01))),
  ];
  const x = g.input('x', T.FLOAT, ['batch', 784]);
  const h = g.op('Relu', [g.op('Gemm', [x, ...layer('hidden', 784, hidden)])]);
  g.op('Gemm', [h, ...layer('out', hidden, 10)], {}, { outputs: ['y'] });
  g.output('y', T.FLOAT, ['batch', 10]);
  return g.bytes();
}
