// A small encoder in the manner of BERT (Devlin et al., 2019) that classifies texts.
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { attended, feedForward, FORBIDDEN, projected } from './attention.js';
import { EMBEDDING_DEVIATION, Layers, type Signal } from './layers.js';

export interface EncoderOptions {
  readonly vocabulary: number;
  readonly steps: number;
  readonly width: number;
  readonly heads: number;
  readonly layers: number;
  readonly classes: number;
  readonly seed: number;
  readonly dropout?: number;
}

/** `ids` INT64 [batch, steps] and `mask` FP32 [batch, steps], 1 for tokens, 0 for padding, to `probabilities`. */
export function encoder(options: EncoderOptions): Uint8Array {
  const { vocabulary, steps, width, heads, layers, classes, seed, dropout = 0 } = options;
  const net = new Layers('encoder', seed);
  const { g } = net;
  const ids = net.input('ids', ['batch', steps], T.INT64);
  const mask = net.input('mask', ['batch', steps]);
  const absent = g.op('Mul', [g.op('Sub', [g.float(1), mask.value]), g.float(FORBIDDEN)]);
  const hidden = g.op('Unsqueeze', [absent, g.ints([1, 2])]);
  const dropped = (x: Signal): Signal => (dropout > 0 ? net.dropout(x, dropout) : x);
  const tokens = net.embedding(ids, vocabulary, width);
  const places = net.normal('position.weight', [steps, width], EMBEDDING_DEVIATION);
  let x = net.layerNorm({ ...tokens, value: g.op('Add', [tokens.value, places]) });
  for (let i = 0; i < layers; i++) {
    const seen = attended(net, x, projected(net, x, heads), heads, hidden);
    x = net.layerNorm(net.add(x, dropped(seen)));
    x = net.layerNorm(net.add(x, dropped(feedForward(net, x))));
  }
  net.output(net.softmax(net.dense(meanOfTokens(net, x, mask), classes)), 'probabilities');
  return net.bytes();
}

function meanOfTokens({ g }: Layers, x: Signal, mask: Signal): Signal {
  const weights = g.op('Unsqueeze', [mask.value, g.ints([2])]);
  const sum = g.op('ReduceSum', [g.op('Mul', [x.value, weights]), g.ints([1])], { keepdims: 0 });
  // An empty text would divide by zero.
  const count = g.op('Max', [g.op('ReduceSum', [mask.value, g.ints([1])], { keepdims: 1 }), g.float(1)]);
  return { value: g.op('Div', [sum, count]), shape: [x.shape[0] ?? 1, x.shape[2] ?? 1] };
}
