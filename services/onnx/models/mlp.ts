// A multilayer perceptron: `multilayer({ inputs: 4, hidden: [16], classes: 3, seed: 1 })`.
import { Layers } from './layers.js';

export interface MultilayerOptions {
  readonly inputs: number;
  readonly hidden: readonly number[];
  readonly classes: number;
  readonly seed: number;
  readonly dropout?: number;
}

/** `x` [batch, inputs] to `probabilities` [batch, classes]. */
export function multilayer({ inputs, hidden, classes, seed, dropout = 0 }: MultilayerOptions): Uint8Array {
  const net = new Layers('mlp', seed);
  let x = net.input('x', ['batch', inputs]);
  for (const width of hidden) {
    x = net.relu(net.dense(x, width));
    if (dropout > 0) x = net.dropout(x, dropout);
  }
  net.output(net.softmax(net.dense(x, classes)), 'probabilities');
  return net.bytes();
}
