// Quantized values and back.
import { intOf } from '../attributes.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { broadcast, sameAs, typed, type Rule, type Rules } from './rule.js';

const quantize: Rule = ({ node, inputs: [x, , zero] }) => {
  const asked = intOf(node, 'output_dtype', 0);
  return [typed(zero?.dataType ?? (asked === 0 ? T.UINT8 : asked), x?.shape)];
};

const dequantize: Rule = ({ inputs: [x, scale] }) => [typed(scale?.dataType ?? T.FLOAT, x?.shape)];

const dynamic: Rule = ({ inputs: [x] }) => [typed(T.UINT8, x?.shape), typed(T.FLOAT, []), typed(T.UINT8, [])];

/** com.microsoft QLinearAdd and QLinearMul: a, scale, zero, b, scale, zero, ... */
const binary: Rule = (question) => {
  const [a, , , b] = question.inputs;
  return [a === undefined ? undefined : typed(a.dataType, broadcast(question, [a.shape, b?.shape]))];
};

const like: Rule = ({ inputs: [x] }) => [sameAs(x)];

export const quantization: Rules = {
  QuantizeLinear: quantize,
  DequantizeLinear: dequantize,
  DynamicQuantizeLinear: dynamic,
  QLinearAdd: binary,
  QLinearMul: binary,
  QLinearSigmoid: like,
  QLinearLeakyRelu: like,
  QLinearSoftmax: like,
};
