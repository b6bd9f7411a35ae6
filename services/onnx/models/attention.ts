// Attention with several heads (Vaswani et al., 2017), as encoder and decoder use it, in operators that every runtime has.
import { sizeOf, type Layers, type Signal } from './layers.js';

export interface Heads {
  /** [batch, heads, steps, size] */
  readonly queries: string;
  readonly keys: string;
  readonly values: string;
}

/** Queries, keys and values of a signal [batch, steps, width]. */
export function projected(net: Layers, x: Signal, heads: number): Heads {
  const size = sizeOf(x, -1) / heads;
  const split = (): string => {
    const parts = net.g.op('Reshape', [net.dense(x, heads * size).value, net.g.ints([0, 0, heads, size])]);
    return net.g.op('Transpose', [parts], { perm: [0, 2, 1, 3] });
  };
  return { queries: split(), keys: split(), values: split() };
}

/** `mask` is added to the scores [batch, heads, steps, keys]: 0 where a key may be seen, FORBIDDEN where not. */
export function attended(
  net: Layers,
  x: Signal,
  { queries, keys, values }: Heads,
  heads: number,
  mask: string,
): Signal {
  const { g } = net;
  const width = sizeOf(x, -1);
  const scaled = g.op('Mul', [queries, g.float(1 / Math.sqrt(width / heads))]);
  const scores = g.op('MatMul', [scaled, g.op('Transpose', [keys], { perm: [0, 1, 3, 2] })]);
  const weights = g.op('Softmax', [g.op('Add', [scores, mask])], { axis: -1 });
  const mixed = g.op('Transpose', [g.op('MatMul', [weights, values])], { perm: [0, 2, 1, 3] });
  const joined = { value: g.op('Reshape', [mixed, g.ints([0, 0, width])]), shape: x.shape };
  return net.dense(joined, width);
}

/** Far below any score, yet finite: a row that sees nothing must not become NaN. */
export const FORBIDDEN = -1e9;

/** Two dense layers, four times as wide between. */
export function feedForward(net: Layers, x: Signal): Signal {
  const width = sizeOf(x, -1);
  return net.dense(net.gelu(net.dense(x, 4 * width)), width);
}
