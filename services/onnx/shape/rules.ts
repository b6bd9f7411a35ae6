// All shape rules, by operator. shape.ts looks them up here.
import type { NodeProto } from '../proto/onnx_pb.js';
import { attentionLayers } from './attention.js';
import { controlFlow } from './control-flow.js';
import { einsum } from './einsum.js';
import { elementwise } from './elementwise.js';
import { indexing } from './indexing.js';
import { layout } from './layout.js';
import { loss } from './loss.js';
import { matrix } from './matrix.js';
import { normalization } from './normalization.js';
import { quantization } from './quantization.js';
import { recurrentLayers } from './recurrent.js';
import { reduction } from './reduction.js';
import { resizing } from './resize.js';
import { window } from './window.js';
import { generation } from './generation.js';
import type { Rule, Rules } from './rule.js';

const RULES: Rules = {
  ...elementwise,
  ...matrix,
  ...einsum,
  ...window,
  ...layout,
  ...indexing,
  ...reduction,
  ...normalization,
  ...generation,
  ...resizing,
  ...quantization,
  ...loss,
  ...recurrentLayers,
  ...attentionLayers,
  ...controlFlow,
};

const DOMAINS = new Set(['', 'ai.onnx', 'com.microsoft']);

// com.microsoft has an Attention of its own, with other inputs than that of opset 23.
export function ruleOf(node: NodeProto): Rule | undefined {
  if (!DOMAINS.has(node.domain) || (node.domain === 'com.microsoft' && node.opType in attentionLayers))
    return undefined;
  return Object.hasOwn(RULES, node.opType) ? RULES[node.opType] : undefined;
}
