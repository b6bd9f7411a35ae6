// A small decoder in the manner of GPT-2 (Radford et al., 2019). Two graphs with the same weights: the one that learns
// reads whole texts, the one that is served reads what is new and keeps keys and values of what it has read.
import type { Graph } from '../graph.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { attended, feedForward, FORBIDDEN, projected, type Heads } from './attention.js';
import { EMBEDDING_DEVIATION, Layers, type Signal } from './layers.js';

export interface DecoderOptions {
  readonly vocabulary: number;
  /** The longest text, cache included. */
  readonly context: number;
  readonly width: number;
  readonly heads: number;
  readonly layers: number;
  readonly seed: number;
  /** Adds `past_keys.N` and `past_values.N` [batch, heads, past, size], and `present_...` with the new ones joined. */
  readonly cache?: boolean;
}

/** `ids` INT64 [batch, steps] to `scores` [batch, steps, vocabulary]. Training binds `batch` and `steps`. */
export function decoder(options: DecoderOptions): Uint8Array {
  const { vocabulary, context, width, heads, layers, seed, cache = false } = options;
  const net = new Layers('decoder', seed);
  const { g } = net;
  const ids = net.input('ids', ['batch', 'steps'], T.INT64);
  const size = width / heads;
  const pasts = Array.from({ length: cache ? layers : 0 }, (_, i) =>
    ['keys', 'values'].map((what) => net.input(`past_${what}.${i}`, ['batch', heads, 'past', size]).value),
  );
  const steps = g.op('Squeeze', [g.op('Shape', [ids.value], { start: 1, end: 2 })]);
  const past = pasts[0]?.[0];
  const from =
    past === undefined ? g.ints(0) : g.op('Squeeze', [g.op('Shape', [past], { start: 2, end: 3 })]);
  const places = g.op('Range', [from, g.op('Add', [from, steps]), g.ints(1)]);
  const tokens = net.embedding(ids, vocabulary, width);
  const table = net.normal('position.weight', [context, width], EMBEDDING_DEVIATION);
  let x: Signal = { ...tokens, value: g.op('Add', [tokens.value, g.op('Gather', [table, places])]) };
  const mask = causalMask(net, places, g.op('Add', [from, steps]));
  for (let i = 0; i < layers; i++) {
    const norm = net.layerNorm(x);
    const all = joined(net, projected(net, norm, heads), pasts[i]);
    x = net.add(x, attended(net, norm, all, heads, mask));
    x = net.add(x, feedForward(net, net.layerNorm(x)));
    if (cache) {
      g.output(all.keys, T.FLOAT, ['batch', heads, 'total', size], `present_keys.${i}`);
      g.output(all.values, T.FLOAT, ['batch', heads, 'total', size], `present_values.${i}`);
    }
  }
  net.output(net.dense(net.layerNorm(x), vocabulary), 'scores');
  return net.bytes();
}

/** A position sees itself and what was before. */
function causalMask({ g }: Layers, places: string, total: string): string {
  const keys = g.op('Range', [g.ints(0), total, g.ints(1)]);
  const later = g.op('Greater', [
    g.op('Unsqueeze', [keys, g.ints([0])]),
    g.op('Unsqueeze', [places, g.ints([1])]),
  ]);
  return g.op('Where', [later, g.float(FORBIDDEN), g.float(0)]);
}

function joined({ g }: Layers, heads: Heads, past: readonly string[] | undefined): Heads {
  const [keys, values] = past ?? [];
  if (keys === undefined || values === undefined) return heads;
  return {
    queries: heads.queries,
    keys: g.op('Concat', [keys, heads.keys], { axis: 2 }),
    values: g.op('Concat', [values, heads.values], { axis: 2 }),
  };
}

/** Gives `to` the weights that `from` learned under the same names: a trained decoder becomes a served one. */
export function takeWeights(to: Graph, from: Graph): void {
  for (const { name, dims } of to.proto.initializer) {
    const learned = from.constant(name);
    const fits = learned !== undefined && learned.dims.join() === dims.map(Number).join();
    if (fits && name.includes('.')) to.setConstant(name, learned);
  }
}
