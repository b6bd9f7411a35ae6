// The vocabulary of the model builders: a layer takes a signal (a value and its shape) and gives one, so that sizes are said
// once. Weights come from the seed, in the order of the calls, under names that say where they stand: `dense1.weight`.
import { GraphBuilder } from '../builder.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { refusal } from '../refusal.js';
import { seeded, type Seeded } from '../seeded.js';
import { float32 } from '../tensor.js';
import type { Dim } from '../value-info.js';

export interface Signal {
  readonly value: string;
  readonly shape: readonly Dim[];
}

export interface ConvOptions {
  readonly stride?: number;
  /** On every side; `same` keeps the size at stride 1. */
  readonly pad?: number | 'same';
}

const OPSET = 17; // what older runtimes read; nothing here needs more

export class Layers {
  readonly g: GraphBuilder;
  private readonly random: Seeded;
  private readonly counts = new Map<string, number>();

  constructor(name: string, seed: number) {
    this.g = new GraphBuilder({ opset: OPSET, name });
    this.random = seeded(seed);
  }

  input(name: string, shape: readonly Dim[], dataType: T = T.FLOAT): Signal {
    return { value: this.g.input(name, dataType, shape), shape };
  }

  /** Over the last axis. Deviation sqrt(2 / inputs), which keeps the size of signals through Relu (He et al., 2015). */
  dense(x: Signal, width: number): Signal {
    const name = this.layer('dense');
    const from = sizeOf(x, -1);
    const w = this.normal(`${name}.weight`, [from, width], Math.sqrt(2 / from));
    const b = this.filled(`${name}.bias`, [width], 0);
    const shape = x.shape.with(-1, width);
    if (x.shape.length === 2) return { value: this.g.op('Gemm', [x.value, w, b]), shape };
    return { value: this.g.op('Add', [this.g.op('MatMul', [x.value, w]), b]), shape };
  }

  conv(x: Signal, filters: number, kernel: number, options: ConvOptions = {}): Signal {
    const name = this.layer('conv');
    const from = sizeOf(x, 1);
    const { stride = 1 } = options;
    const pad = options.pad === 'same' ? Math.floor(kernel / 2) : (options.pad ?? 0);
    const deviation = Math.sqrt(2 / (from * kernel * kernel));
    const w = this.normal(`${name}.weight`, [filters, from, kernel, kernel], deviation);
    const b = this.filled(`${name}.bias`, [filters], 0);
    const value = this.g.op('Conv', [x.value, w, b], {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: [pad, pad, pad, pad],
    });
    return { value, shape: [x.shape[0] ?? 1, filters, ...windows(x, kernel, stride, pad)] };
  }

  maxPool(x: Signal, kernel: number, stride: number = kernel, pad = 0): Signal {
    const value = this.g.op('MaxPool', [x.value], {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: [pad, pad, pad, pad],
    });
    return { value, shape: [...x.shape.slice(0, 2), ...windows(x, kernel, stride, pad)] };
  }

  /** [batch, channels, ...] to [batch, channels]. */
  globalAverage(x: Signal): Signal {
    const value = this.g.op('Flatten', [this.g.op('GlobalAveragePool', [x.value])]);
    return { value, shape: x.shape.slice(0, 2) };
  }

  relu = (x: Signal): Signal => this.same('Relu', x);
  tanh = (x: Signal): Signal => this.same('Tanh', x);
  softmax = (x: Signal): Signal => ({ ...x, value: this.g.op('Softmax', [x.value], { axis: -1 }) });

  /** x (1 + erf(x / sqrt 2)) / 2: opset 17 has no Gelu of its own. */
  gelu(x: Signal): Signal {
    const { g } = this;
    const erf = g.op('Erf', [g.op('Mul', [x.value, g.float(Math.SQRT1_2)])]);
    const gate = g.op('Mul', [g.op('Add', [erf, g.float(1)]), g.float(0.5)]);
    return { ...x, value: g.op('Mul', [x.value, gate]) };
  }

  localResponse(x: Signal, size = 5): Signal {
    return {
      ...x,
      value: this.g.op('LRN', [x.value], { size, alpha: 1e-4, beta: 0.75, bias: { float: 2 } }),
    };
  }

  /** Does nothing until it is trained. */
  dropout(x: Signal, ratio: number): Signal {
    return { ...x, value: this.g.op('Dropout', [x.value, this.g.float(ratio)]) };
  }

  batchNorm(x: Signal): Signal {
    const name = this.layer('norm');
    const channels = [sizeOf(x, 1)];
    const inputs = [
      this.filled(`${name}.scale`, channels, 1),
      this.filled(`${name}.bias`, channels, 0),
      this.filled(`${name}.mean`, channels, 0),
      this.filled(`${name}.variance`, channels, 1),
    ];
    return { ...x, value: this.g.op('BatchNormalization', [x.value, ...inputs]) };
  }

  layerNorm(x: Signal): Signal {
    const name = this.layer('norm');
    const width = [sizeOf(x, -1)];
    const inputs = [this.filled(`${name}.scale`, width, 1), this.filled(`${name}.bias`, width, 0)];
    return { ...x, value: this.g.op('LayerNormalization', [x.value, ...inputs]) };
  }

  flatten(x: Signal): Signal {
    const [batch = 1, ...rest] = x.shape;
    const size = rest.reduce<number>((product, _, i) => product * sizeOf(x, i + 1), 1);
    return { value: this.g.op('Flatten', [x.value]), shape: [batch, size] };
  }

  /** Along the channels. */
  concat(parts: readonly Signal[]): Signal {
    const [first] = parts;
    if (first === undefined) throw refusal('There is nothing to join.');
    const channels = parts.reduce((sum, part) => sum + sizeOf(part, 1), 0);
    return {
      value: this.g.op(
        'Concat',
        parts.map(({ value }) => value),
        { axis: 1 },
      ),
      shape: first.shape.with(1, channels),
    };
  }

  /** Along the last axis. */
  beside(parts: readonly Signal[]): Signal {
    const values = parts.map(({ value }) => value);
    const width = parts.reduce((sum, part) => sum + sizeOf(part, -1), 0);
    return {
      value: this.g.op('Concat', values, { axis: -1 }),
      shape: (parts[0]?.shape ?? []).with(-1, width),
    };
  }

  add(a: Signal, b: Signal): Signal {
    return { ...a, value: this.g.op('Add', [a.value, b.value]) };
  }

  /** Numbers of tokens to vectors. */
  embedding(ids: Signal, vocabulary: number, width: number): Signal {
    const table = this.normal(`${this.layer('embedding')}.weight`, [vocabulary, width], EMBEDDING_DEVIATION);
    return { value: this.g.op('Gather', [table, ids.value]), shape: [...ids.shape, width] };
  }

  /**
   * [steps, batch, width] to all hidden states [steps, batch, hidden (twice that both ways)] and the last ones
   * [batch, same]. Weights even over +-1/sqrt(hidden); the forget gate of LSTM starts open (Jozefowicz et al., 2015).
   */
  recurrent(
    kind: 'LSTM' | 'GRU',
    x: Signal,
    hidden: number,
    bothWays = false,
  ): { all: Signal; last: Signal } {
    const { g } = this;
    const name = this.layer(kind.toLowerCase());
    const gates = kind === 'LSTM' ? 4 : 3;
    const ways = bothWays ? 2 : 1;
    const width = sizeOf(x, 2);
    const bias = new Float32Array(ways * 2 * gates * hidden);
    if (kind === 'LSTM')
      for (let way = 0; way < ways; way++)
        bias.fill(1, way * 8 * hidden + 2 * hidden, way * 8 * hidden + 3 * hidden);
    const inputs = [
      this.even(`${name}.weight`, [ways, gates * hidden, width], 1 / Math.sqrt(hidden)),
      this.even(`${name}.recurrent`, [ways, gates * hidden, hidden], 1 / Math.sqrt(hidden)),
      g.constant(`${name}.bias`, float32([ways, 2 * gates * hidden], bias)),
    ];
    const [y = '', h = ''] = g.ops(kind, [x.value, ...inputs], 2, {
      hidden_size: hidden,
      direction: bothWays ? 'bidirectional' : 'forward',
    });
    const joined = (value: string, perm: readonly number[], shape: readonly number[]): string =>
      g.op('Reshape', [g.op('Transpose', [value], { perm }), g.ints(shape)]);
    const [steps = 1, batch = 1] = x.shape;
    return {
      all: { value: joined(y, [0, 2, 1, 3], [0, 0, ways * hidden]), shape: [steps, batch, ways * hidden] },
      last: { value: joined(h, [1, 0, 2], [0, ways * hidden]), shape: [batch, ways * hidden] },
    };
  }

  transpose(x: Signal, perm: readonly number[]): Signal {
    const value = this.g.op('Transpose', [x.value], { perm });
    return { value, shape: perm.map((axis) => x.shape[axis] ?? 1) };
  }

  output(x: Signal, name: string): void {
    this.g.output(x.value, T.FLOAT, x.shape, name);
  }

  bytes(): Uint8Array {
    return this.g.bytes();
  }

  normal(name: string, dims: readonly number[], deviation: number): string {
    return this.g.constant(name, float32(dims, this.random.normals(count(dims), deviation)));
  }

  private even(name: string, dims: readonly number[], reach: number): string {
    const values = Float32Array.from({ length: count(dims) }, () => (2 * this.random.uniform() - 1) * reach);
    return this.g.constant(name, float32(dims, values));
  }

  private filled(name: string, dims: readonly number[], value: number): string {
    return this.g.constant(name, float32(dims, new Float32Array(count(dims)).fill(value)));
  }

  private same(opType: string, x: Signal): Signal {
    return { ...x, value: this.g.op(opType, [x.value]) };
  }

  private layer(kind: string): string {
    const number = (this.counts.get(kind) ?? 0) + 1;
    this.counts.set(kind, number);
    return `${kind}${number}`;
  }
}

export const EMBEDDING_DEVIATION = 0.1; // small enough that positions and tokens can be added, large enough to tell apart

const count = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

/** A size that weights depend on. Throws MODEL_REFUSED where it varies. */
export function sizeOf({ value, shape }: Signal, axis: number): number {
  const dim = shape.at(axis);
  if (typeof dim === 'number') return dim;
  throw refusal(`Axis ${axis} of "${value}" has to be a number: weights depend on it.`, {
    tensor: value,
    shape,
  });
}

function windows(x: Signal, kernel: number, stride: number, pad: number): number[] {
  return [2, 3].map((axis) => {
    const size = Math.floor((sizeOf(x, axis) + 2 * pad - kernel) / stride) + 1;
    if (size < 1)
      throw refusal(`An image of ${x.shape.slice(2).join(' x ')} is too small for this network.`, {
        shape: x.shape,
      });
    return size;
  });
}
