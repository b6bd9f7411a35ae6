// Attention of opset 23, with a cache of past keys and values, and rotary embedding.
import { intOf } from '../attributes.js';
import { add, floorDivide, multiply } from '../dims.js';
import { sameAs, typed, type Rule, type Rules } from './rule.js';

/** Q, K, V either [batch, heads, seq, head] or [batch, seq, heads*head] with the head counts as attributes. */
const attention: Rule = ({ node, inputs: [q, k, v, , pastKey, pastValue] }) => {
  if (q?.shape === undefined || k?.shape === undefined || v?.shape === undefined)
    return q === undefined ? [] : [typed(q.dataType)];
  const flat = q.shape.length === 3;
  const [qHeads, kvHeads] = [intOf(node, 'q_num_heads', 1), intOf(node, 'kv_num_heads', 1)];
  const split = (shape: readonly (number | string)[], heads: number) =>
    flat ? [shape[0] ?? 1, heads, shape[1] ?? 1, floorDivide(shape[2] ?? 1, heads)] : shape;
  const [batch = 1, heads = 1, seq = 1] = split(q.shape, qHeads);
  const [, keyHeads = 1, newKeys = 1, keySize = 1] = split(k.shape, kvHeads);
  const valueSize = split(v.shape, kvHeads)[3] ?? 1;
  const total = pastKey?.shape === undefined ? newKeys : add(pastKey.shape[2] ?? 0, newKeys);
  const y = flat ? [batch, seq, multiply(heads, valueSize)] : [batch, heads, seq, valueSize];
  return [
    typed(q.dataType, y),
    typed(pastKey?.dataType ?? k.dataType, [batch, keyHeads, total, keySize]),
    typed(pastValue?.dataType ?? v.dataType, [batch, keyHeads, total, valueSize]),
    typed(q.dataType, [batch, heads, seq, total]),
  ];
};

export const attentionLayers: Rules = {
  Attention: attention,
  RotaryEmbedding: ({ inputs: [x] }) => [sameAs(x)],
};
