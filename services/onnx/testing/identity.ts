// The smallest model: what goes in comes out. Tests of transport and of data types serve it.
import { GraphBuilder } from '../builder.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';

/** `x` [n] of any element type to `y` [n]. */
export function identity(dataType: T = T.FLOAT): Uint8Array {
  const g = new GraphBuilder({ opset: 17, name: 'identity' });
  g.input('x', dataType, ['n']);
  g.op('Identity', ['x'], {}, { outputs: ['y'] });
  g.output('y', dataType, ['n']);
  return g.bytes();
}
