// Networks that read in order: a classifier of token sequences with LSTM or GRU, and a reader of text lines, convolutions
// below and a recurrent layer across the columns above (Shi, Bai, Yao, 2017).
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { Layers } from './layers.js';

export interface SequenceOptions {
  readonly cell: 'LSTM' | 'GRU';
  readonly vocabulary: number;
  readonly width: number;
  readonly hidden: number;
  readonly classes: number;
  readonly seed: number;
  readonly bothWays?: boolean;
}

/** `ids` INT64 [batch, steps] to `probabilities` [batch, classes]. Training binds `steps`. */
export function sequenceClassifier(options: SequenceOptions): Uint8Array {
  const { cell, vocabulary, width, hidden, classes, seed, bothWays = false } = options;
  const net = new Layers(`${cell.toLowerCase()} classifier`, seed);
  const ids = net.input('ids', ['batch', 'steps'], T.INT64);
  const steps = net.transpose(net.embedding(ids, vocabulary, width), [1, 0, 2]);
  const { last } = net.recurrent(cell, steps, hidden, bothWays);
  net.output(net.softmax(net.dense(last, classes)), 'probabilities');
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
