// A multilayer perceptron: `multilayer({ inputs: 4, hidden: [16], classes: 3, seed: 1 })`.
import { Layers } from './layers.js';

export interface MultilayerOptions {
  readonly inputs: number;
  readonly hidden: readonly number[];
  readonly classes: number;
  readonly seed: number;
  readonly dropout?: number;
  /** Numbers are learned rather than classes: ends in `scores` [batch, classes], which are not made probabilities. */
  readonly numbers?: boolean;
}

/** `x` [batch, inputs] to `probabilities` [batch, classes]. */
export function multilayer(options: MultilayerOptions): Uint8Array {
  const { inputs, hidden, classes, seed, dropout = 0, numbers = false } = options;
  const net = new Layers('mlp', seed);
  let x = net.input('x', ['batch', inputs]);
  for (const width of hidden) {
    x = net.relu(net.dense(x, width));
    if (dropout > 0) x = net.dropout(x, dropout);
  }
  const scores = net.dense(x, classes);
  if (numbers) net.output(scores, 'scores');
  else net.output(net.softmax(scores), 'probabilities');
  return net.bytes();
}
