// A small encoder in the manner of BERT (Devlin et al., 2019) that classifies texts.
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { attended, feedForward, FORBIDDEN, projected } from './attention.js';
import { EMBEDDING_DEVIATION, Layers, type Signal } from './layers.js';
import { classScores, maxOfTokens, meanOfTokens } from './text-ends.js';

export interface EncoderOptions {
  readonly vocabulary: number;
  readonly steps: number;
  readonly width: number;
  readonly heads: number;
  readonly layers: number;
  readonly classes: number;
  readonly seed: number;
  /** Of the vectors of tokens, of each layer's part, and of what is read from all places. */
  readonly dropout?: number;
  /** A score of each token for each class, added to what the network says (text-ends.ts). */
  readonly wide?: boolean;
}

/** `ids` INT64 [batch, steps] and `mask` FP32 [batch, steps], 1 for tokens, 0 for padding, to `probabilities`. */
export function encoder(options: EncoderOptions): Uint8Array {
  const { vocabulary, steps, width, heads, layers, seed, dropout = 0 } = options;
  const net = new Layers('encoder', seed);
  const { g } = net;
  const ids = net.input('ids', ['batch', steps], T.INT64);
  const mask = net.input('mask', ['batch', steps]);
  const absent = g.op('Mul', [g.op('Sub', [g.float(1), mask.value]), g.float(FORBIDDEN)]);
  const hidden = g.op('Unsqueeze', [absent, g.ints([1, 2])]);
  const dropped = (x: Signal): Signal => (dropout > 0 ? net.dropout(x, dropout) : x);
  const tokens = net.embedding(ids, vocabulary, width);
  const places = net.normal('position.weight', [steps, width], EMBEDDING_DEVIATION);
  let x = dropped(net.layerNorm({ ...tokens, value: g.op('Add', [tokens.value, places]) }));
  for (let i = 0; i < layers; i++) {
    const found = attended(net, x, projected(net, x, heads), heads, hidden);
    x = net.layerNorm(net.add(x, dropped(found)));
    x = net.layerNorm(net.add(x, dropped(feedForward(net, x))));
  }
  const read = dropped(net.beside([meanOfTokens(net, x, mask), maxOfTokens(net, x, mask)]));
  net.output(net.softmax(classScores(net, read, { ids, mask }, options)), 'probabilities');
  return net.bytes();
}
