// The nodes that onnxruntime's optimiser and its exporters fuse, taken apart again.
import { floatOf, intOf, stringOf } from '../../attributes.js';
import type { NodeProto } from '../../proto/onnx_pb.js';
import type { Writer } from '../writer.js';
import { given, inputOf, unsupported, type Lowering, type Lowerings } from './lowering.js';
import { swish } from './plain.js';

/** The tanh form, with an optional bias. */
const fastGelu: Lowering = (write, node) => {
  const bias = given(node, 1);
  const x = inputOf(node, 0);
  const sum = bias === undefined ? x : write.op('Add', [x, bias]);
  return [write.op('Gelu', [sum], { approximate: 'tanh' })];
};

/** Output 3 is the sum before the normalisation; statistics are not made. */
const skipLayerNorm =
  (opType: 'LayerNormalization' | 'SimplifiedLayerNormalization'): Lowering =>
  (write, node) => {
    const centred = opType === 'LayerNormalization';
    const bias = given(node, centred ? 4 : 3);
    const skipped = write.op('Add', [inputOf(node, 0), inputOf(node, 1)]);
    const sum = bias === undefined ? skipped : write.op('Add', [skipped, bias]);
    const beta = centred ? given(node, 3) : undefined;
    const inputs = [sum, inputOf(node, 2), ...(beta === undefined ? [] : [beta])];
    const normal = write.op(opType, inputs, { epsilon: floatOf(node, 'epsilon', 1e-5), axis: -1 });
    return [normal, undefined, undefined, sum];
  };

function activated(write: Writer, node: NodeProto, value: string, alpha: number): string {
  const kind = stringOf(node, 'activation', '');
  if (kind === '') return value;
  if (kind === 'LeakyRelu') return write.op('LeakyRelu', [value], { alpha });
  if (kind === 'Relu' || kind === 'Sigmoid' || kind === 'Tanh') return write.op(kind, [value]);
  throw unsupported(node, `the activation ${kind}`);
}

const fusedConv: Lowering = (write, node) => {
  const kept = node.attribute.filter(({ name }) => !name.startsWith('activation'));
  const conv = write.graph.add('Conv', node.input.slice(0, 3));
  conv.attribute = kept;
  const skip = given(node, 3);
  const made = conv.output[0] ?? '';
  const sum = skip === undefined ? made : write.op('Add', [made, skip]);
  const alpha = node.attribute.find(({ name }) => name === 'activation_params')?.floats[0] ?? 0.01;
  return [activated(write, node, sum, alpha)];
};

const fusedGemm: Lowering = (write, node) => {
  const product = write.graph.add('Gemm', node.input);
  product.attribute = node.attribute.filter(({ name }) => !name.startsWith('activation'));
  return [activated(write, node, product.output[0] ?? '', floatOf(node, 'activation_alpha', 0.01))];
};

const fusedMatMul: Lowering = (write, node) => {
  if (intOf(node, 'transBatchA', 0) + intOf(node, 'transBatchB', 0) > 0)
    throw unsupported(node, 'exchanged batch axes');
  const side = (i: number, name: string): string => {
    const value = inputOf(node, i);
    if (intOf(node, name, 0) === 0) return value;
    const rank = write.rank(value);
    const perm = Array.from({ length: rank }, (_, axis) => axis);
    perm.splice(rank - 2, 2, rank - 1, rank - 2);
    return write.op('Transpose', [value], { perm });
  };
  const product = write.op('MatMul', [side(0, 'transA'), side(1, 'transB')]);
  const alpha = floatOf(node, 'alpha', 1);
  return [alpha === 1 ? product : write.op('Mul', [product, write.float(alpha, inputOf(node, 0))])];
};

export const fused: Lowerings = {
  FastGelu: fastGelu,
  Gelu: (write, node) => [write.op('Gelu', [inputOf(node, 0)])],
  BiasGelu: (write, node) => [write.op('Gelu', [write.op('Add', [inputOf(node, 0), inputOf(node, 1)])])],
  QuickGelu: swish(1.702),
  SkipLayerNormalization: skipLayerNorm('LayerNormalization'),
  SkipSimplifiedLayerNormalization: skipLayerNorm('SimplifiedLayerNormalization'),
  FusedConv: fusedConv,
  FusedGemm: fusedGemm,
  FusedMatMul: fusedMatMul,
};
