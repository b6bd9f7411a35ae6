// How networks that read texts end: what stands at all places becomes one vector, that becomes scores. The mean tells what a text
// is about, the maximum whether something stands in it anywhere; both together do better than the state behind the last word, which
// has half forgotten the first (Conneau et al., 2017, compare them). Encoder and recurrent classifier use it.
import { type Layers, type Signal } from './layers.js';

export interface TextInputs {
  readonly ids: Signal;
  /** FLOAT [batch, steps]: 1 for tokens, 0 for padding. */
  readonly mask: Signal;
}

/**
 * The mask with tokens left out at random while it is trained, the others weighing more: what a network may not rely on is a single
 * word (word dropout; Iyyer et al., 2015). The maximum takes the plain mask.
 */
export function thinned(net: Layers, mask: Signal, share: number): Signal {
  return share > 0 ? net.dropout(mask, share) : mask;
}

/** Vectors [batch, steps, width] times what the mask says. */
export function masked({ g }: Layers, x: Signal, mask: Signal): Signal {
  return { ...x, value: g.op('Mul', [x.value, g.op('Unsqueeze', [mask.value, g.ints([2])])]) };
}

/** [batch, steps, width] to [batch, width]. */
export function meanOfTokens({ g }: Layers, x: Signal, mask: Signal): Signal {
  const weights = g.op('Unsqueeze', [mask.value, g.ints([2])]);
  const sum = g.op('ReduceSum', [g.op('Mul', [x.value, weights]), g.ints([1])], { keepdims: 0 });
  // An empty text would divide by zero.
  const count = g.op('Max', [g.op('ReduceSum', [mask.value, g.ints([1])], { keepdims: 1 }), g.float(1)]);
  return { value: g.op('Div', [sum, count]), shape: [x.shape[0] ?? 1, x.shape[2] ?? 1] };
}

/** Padding counts as this: below what states and normed signals reach, and finite, since a text may be empty. */
const PADDING = -8;

/** [batch, steps, width] to [batch, width]. */
export function maxOfTokens({ g }: Layers, x: Signal, mask: Signal): Signal {
  const weights = g.op('Unsqueeze', [mask.value, g.ints([2])]);
  const absent = g.op('Mul', [g.op('Sub', [g.float(1), weights]), g.float(PADDING)]);
  const seen = g.op('Add', [g.op('Mul', [x.value, weights]), absent]);
  const value = g.op('ReduceMax', [seen], { axes: [1], keepdims: 0 });
  return { value, shape: [x.shape[0] ?? 1, x.shape[2] ?? 1] };
}

/**
 * Scores [batch, classes] of a vector. With `wide` the text's tokens add theirs, as in a linear model of token counts, so that
 * the network has to learn only what single tokens do not tell (wide and deep; Cheng et al., 2016).
 */
export function classScores(
  net: Layers,
  x: Signal,
  { ids, mask }: TextInputs,
  { vocabulary, classes, wide = false }: { vocabulary: number; classes: number; wide?: boolean },
): Signal {
  const deep = net.dense(x, classes);
  return wide ? net.add(deep, tokenScores(net, ids, mask, vocabulary, classes)) : deep;
}

const WEIGHT_DEVIATION = 0.01; // near nothing, so that the first steps are not noise

/** A row of scores for each token, summed over the text. */
export function tokenScores(
  net: Layers,
  ids: Signal,
  mask: Signal,
  vocabulary: number,
  classes: number,
): Signal {
  const { g } = net;
  const scores = g.op('Gather', [
    net.normal('tokens.weight', [vocabulary, classes], WEIGHT_DEVIATION),
    ids.value,
  ]);
  const seen = g.op('Mul', [scores, g.op('Unsqueeze', [mask.value, g.ints([2])])]);
  const value = g.op('ReduceSum', [seen, g.ints([1])], { keepdims: 0 });
  return { value, shape: [ids.shape[0] ?? 1, classes] };
}
