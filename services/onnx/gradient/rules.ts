// All backward rules, by operator. backward.ts looks them up here; what is neither here nor among the operators that stop
// gradients is refused by name.
import type { NodeProto } from '../proto/onnx_pb.js';
import { activation } from './activation.js';
import { convolution } from './convolution.js';
import { einsum } from './einsum.js';
import { elementwise } from './elementwise.js';
import { indexing } from './indexing.js';
import { layout } from './layout.js';
import { matrix } from './matrix.js';
import { normalization } from './normalization.js';
import { pooling } from './pooling.js';
import { quantization } from './quantization.js';
import { dropout } from './dropout.js';
import { reduction } from './reduction.js';
import { resizing } from './resize.js';
import type { GradientRule, GradientRules } from './rule.js';
import { softmaxes } from './softmax.js';

const RULES: GradientRules = {
  ...elementwise,
  ...activation,
  ...matrix,
  ...convolution,
  ...pooling,
  ...normalization,
  ...softmaxes,
  ...layout,
  ...indexing,
  ...reduction,
  ...resizing,
  ...dropout,
  ...quantization,
  ...einsum,
};

const STOPS = new Set(
  (
    'Constant Shape Size Range ArgMax ArgMin Equal Greater GreaterOrEqual Less LessOrEqual And Or Xor Not OneHot ' +
    'ConstantOfShape Floor Ceil Sign IsNaN IsInf NonZero Hardmax EyeLike RandomNormalLike RandomUniformLike Bernoulli ' +
    'Multinomial'
  ).split(' '),
);

export function gradientRuleOf(node: NodeProto): GradientRule | undefined {
  if (node.domain !== '' && node.domain !== 'ai.onnx') return undefined;
  return Object.hasOwn(RULES, node.opType) ? RULES[node.opType] : undefined;
}

/** Constant almost everywhere, or chosen rather than computed: nothing before it learns through it. */
export function stopsGradient(node: NodeProto): boolean {
  return (node.domain === '' || node.domain === 'ai.onnx') && STOPS.has(node.opType);
}
