// Networks that read in order: a classifier of token sequences with LSTM or GRU, and a reader of text lines, convolutions
// below and a recurrent layer across the columns above (Shi, Bai, Yao, 2017).
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { Layers, type Signal } from './layers.js';
import { classScores, masked, maxOfTokens, meanOfTokens, thinned } from './text-ends.js';

export interface SequenceOptions {
  readonly cell: 'LSTM' | 'GRU';
  readonly vocabulary: number;
  readonly width: number;
  readonly hidden: number;
  readonly classes: number;
  readonly seed: number;
  readonly bothWays?: boolean;
  /** Of whole tokens, and of what is read from all states. */
  readonly dropout?: number;
  /** A score of each token for each class, added to what the network says (text-ends.ts). */
  readonly wide?: boolean;
}

/** `ids` INT64 [batch, steps] and `mask` FLOAT [batch, steps], 1 for tokens, 0 for padding, to `probabilities` [batch, classes]. Training binds `steps`. */
export function sequenceClassifier(options: SequenceOptions): Uint8Array {
  const { cell, vocabulary, width, hidden, seed, bothWays = false, dropout = 0 } = options;
  const net = new Layers(`${cell.toLowerCase()} classifier`, seed);
  const ids = net.input('ids', ['batch', 'steps'], T.INT64);
  const mask = net.input('mask', ['batch', 'steps']);
  const dropped = (x: Signal): Signal => (dropout > 0 ? net.dropout(x, dropout) : x);
  const seen = thinned(net, mask, dropout);
  const tokens = masked(net, net.embedding(ids, vocabulary, width), seen);
  const { all } = net.recurrent(cell, net.transpose(tokens, [1, 0, 2]), hidden, bothWays);
  const states = net.transpose(all, [1, 0, 2]);
  const read = dropped(net.beside([meanOfTokens(net, states, mask), maxOfTokens(net, states, mask)]));
  net.output(net.softmax(classScores(net, read, { ids, mask: seen }, options)), 'probabilities');
  return net.bytes();
}

export interface LineReaderOptions {
  readonly height: number;
  readonly width: number;
  readonly filters: number;
  readonly hidden: number;
  readonly classes: number;
  readonly seed: number;
}

/** `image` [batch, 1, height, width] to `probabilities` [batch, width / 4, classes], one row per column of the image. */
export function lineReader({ height, width, filters, hidden, classes, seed }: LineReaderOptions): Uint8Array {
  const net = new Layers('line reader', seed);
  const image = net.input('image', ['batch', 1, height, width]);
  const low = net.maxPool(net.relu(net.conv(image, filters, 3, { pad: 'same' })), 2);
  const high = net.maxPool(net.relu(net.conv(low, filters * 2, 3, { pad: 'same' })), 2);
  // [batch, channels, rows, columns]: columns become steps, and what stands in one becomes its vector.
  const columns = net.transpose(high, [3, 0, 1, 2]);
  const [steps = 1, batch = 1, channels = 1, rows = 1] = columns.shape;
  const size = Number(channels) * Number(rows);
  const flat = {
    value: net.g.op('Reshape', [columns.value, net.g.ints([0, 0, size])]),
    shape: [steps, batch, size],
  };
  const { all } = net.recurrent('GRU', flat, hidden, true);
  net.output(net.softmax(net.dense(net.transpose(all, [1, 0, 2]), classes)), 'probabilities');
  return net.bytes();
}
