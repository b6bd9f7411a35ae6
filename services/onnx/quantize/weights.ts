// Weights as symmetric integers, one scale for each output channel or one for all. A channel whose bias would overflow int32
// under the scale gets a larger one: onnxruntime would make the bias 0 without a word.
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { elementCount, floatValues, type Tensor } from '../tensor.js';
import { halfPrecise, roundEven, signed, symmetricScale, type Scales } from './affine.js';

export interface WeightOptions {
  /** The axis of output channels; one scale for all where absent. */
  readonly axis?: number;
  readonly bits: number;
  readonly scales?: Scales;
  /** Scales must not be smaller, by channel. */
  readonly least?: ArrayLike<number>;
  /** These scales, whatever the weights: feedback has found them. */
  readonly given?: ArrayLike<number>;
}

export interface IntegerWeights {
  /** INT8, or INT16 above 8 bits, shaped as the weights. */
  readonly values: Tensor;
  readonly scales: Float32Array;
}

export function integerWeights(weights: Tensor, options: WeightOptions): IntegerWeights {
  const levels = signed(options.bits);
  const real = floatValues(weights);
  const channelOf = channels(weights.dims, options.axis);
  const largest = new Float64Array(options.axis === undefined ? 1 : (weights.dims[options.axis] ?? 1));
  for (let i = 0; i < real.length; i++) {
    const c = channelOf(i);
    largest[c] = Math.max(largest[c] ?? 0, Math.abs(real[i] ?? 0));
  }
  const scales = Float32Array.from(largest, (most, c) => {
    const given = options.given?.[c];
    const found = given === undefined ? symmetricScale(most, levels, options.scales) : halfPrecise(given);
    const least = options.least?.[c] ?? 0;
    return found >= least ? found : symmetricScale(least * levels.highest, levels, options.scales);
  });
  const data = options.bits > 8 ? new Int16Array(real.length) : new Int8Array(real.length);
  for (let i = 0; i < real.length; i++) {
    const level = roundEven(Math.fround((real[i] ?? 0) / (scales[channelOf(i)] ?? 1)));
    data[i] = Math.min(levels.highest, Math.max(levels.lowest, level));
  }
  return { values: { dataType: levels.dataType, dims: weights.dims, data }, scales };
}

/** What the integers stand for: the weights as the quantized model has them. */
export function realWeights({ values, scales }: IntegerWeights, axis: number | undefined): Tensor {
  const channelOf = channels(values.dims, axis);
  const levels = values.data as Int8Array | Int16Array;
  const data = Float32Array.from(levels, (level, i) => level * (scales[channelOf(i)] ?? 1));
  return { dataType: T.FLOAT, dims: values.dims, data };
}

/** The channel of the i-th element. */
export function channels(dims: readonly number[], axis: number | undefined): (i: number) => number {
  if (axis === undefined) return () => 0;
  const inner = elementCount(dims.slice(axis + 1));
  const count = dims[axis] ?? 1;
  return (i) => Math.floor(i / inner) % count;
}

const BIAS_MOST = 2 ** 30; // half of what int32 holds, so that the accumulator has room

/** The smallest weight scales under which the bias fits: |b| / (s_x s_w) <= 2^30. */
export const leastScales = (bias: Float32Array, inputScale: number): Float64Array =>
  Float64Array.from(bias, (value) => Math.abs(value) / (inputScale * BIAS_MOST));

export function integerBias(bias: Float32Array, inputScale: number, scales: Float32Array): Int32Array {
  return Int32Array.from(bias, (value, c) =>
    roundEven(value / (inputScale * (scales[scales.length === 1 ? 0 : c] ?? 1))),
  );
}
