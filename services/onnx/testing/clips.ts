// Whether this processor adds int8 products in pairs in int16, which clips (../quantize/saturation.ts): tests that compare integers with
// floats ask, since what is left of a number is not the same on it.
import { GraphBuilder } from '../builder.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { outputsOf } from './outputs.js';

const LENGTH = 16;

export async function clipsHere(): Promise<boolean> {
  const g = new GraphBuilder({ opset: 17 });
  const w = g.constant('w', {
    dataType: T.INT8,
    dims: [LENGTH, LENGTH],
    data: new Int8Array(LENGTH ** 2).fill(127),
  });
  g.output(g.op('MatMulInteger', [g.input('x', T.UINT8, [1, LENGTH]), w]), T.INT32, [1, LENGTH], 'y');
  const feeds = { x: { dataType: T.UINT8, dims: [1, LENGTH], data: new Uint8Array(LENGTH).fill(255) } };
  const { y } = await outputsOf(g.bytes(), feeds, {});
  return Number(y?.data[0]) !== 255 * 127 * LENGTH;
}
