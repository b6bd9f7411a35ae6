// A program that says whether sessions can be made on a device, in a process of its own: a GPU's context would take memory of the
// host for ever. check-device.ts starts it.
import { InferenceSession } from 'onnxruntime-node';
import { GraphBuilder } from '../../onnx/builder.js';
import { TensorProto_DataType as T } from '../../onnx/proto/onnx_pb.js';
import { executionProviders } from './execution-device.js';
import { reason } from './model-session.js';

const [kind = 'cpu'] = process.argv.slice(2);
const g = new GraphBuilder();
g.op('Identity', [g.input('x', T.FLOAT, [1])], {}, { outputs: ['y'] });
g.output('y', T.FLOAT, [1]);
let said: string | undefined;
try {
  const options = { executionProviders: executionProviders(kind), logSeverityLevel: 4, externalData: [] };
  await (await InferenceSession.create(g.bytes(), options as InferenceSession.SessionOptions)).release();
} catch (error) {
  said = reason(error);
}
process.send?.({ reason: said }, () => process.exit(0));
