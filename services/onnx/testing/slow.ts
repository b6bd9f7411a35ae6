// A model that runs as long as asked and cannot be interrupted: for tests of stuck engines.
import { GraphBuilder } from '../builder.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { float32 } from '../tensor.js';

const SIZE = 256;

/**
 * `n` INT64 scalar to `y` FP32 scalar: a Loop of `n` products of two 256 x 256 matrices, some tenths of a millisecond
 * each on one thread: 10,000 is a matter of seconds, 0 returns at once. Another name makes another version.
 */
export function slow(name = 'slow'): Uint8Array {
  const g = new GraphBuilder({ opset: 17, name });
  const n = g.input('n', T.INT64, []);
  // Rows that sum to 1 keep the numbers where they are however often it is multiplied.
  const matrix = Float32Array.from({ length: SIZE * SIZE }, () => 1 / SIZE);
  const w = g.constant('w', float32([SIZE, SIZE], matrix));

  const body = g.body('step');
  body.input('step_i', T.INT64, []);
  const go = body.input('step_go', T.BOOL, []);
  const state = body.input('step_state', T.FLOAT, [SIZE, SIZE]);
  body.output(go, T.BOOL, [], 'step_go_on');
  body.output(body.op('MatMul', [state, w]), T.FLOAT, [SIZE, SIZE]);

  const last = g.op('Loop', [n, '', w], { body: body.graph });
  g.op('ReduceMean', [last], { keepdims: 0 }, { outputs: ['y'] });
  g.output('y', T.FLOAT, []);
  return g.bytes();
}
