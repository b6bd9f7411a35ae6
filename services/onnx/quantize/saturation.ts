// What int8 does on processors without VNNI: AVX2 and AVX-512 multiply unsigned activations with signed weights and add two neighbours'
// products in int16, which clips. Weights of 7 bits cannot (2 * 255 * 63 = 32,130), but lose a bit everywhere; here only those output
// channels get a coarser scale in which two neighbours do reach that far with what their inputs were seen to be.
import { intOf } from '../attributes.js';
import { elementCount, floatValues, type Tensor } from '../tensor.js';
import { quantized, UINT8, type Affine } from './affine.js';
import type { ChannelRange } from './channel-range.js';
import type { WeightLayer } from './layers.js';

const MOST = 32_767;
const LEAST = -32_768;

export interface Saturation {
  /** The sum as such a processor computes it. */
  readonly sum: number;
  /** The sum as it should be. */
  readonly exact: number;
  /** How many of the pairs clipped. */
  readonly clippedPairs: number;
}

/** One dot product of uint8 activations and int8 weights of the same length, pair by pair along it. */
export function saturatingDot(activations: Uint8Array, weights: Int8Array): Saturation {
  let sum = 0;
  let exact = 0;
  let clippedPairs = 0;
  for (let i = 0; i < weights.length; i += 2) {
    const pair =
      (activations[i] ?? 0) * (weights[i] ?? 0) + (activations[i + 1] ?? 0) * (weights[i + 1] ?? 0);
    const kept = Math.min(MOST, Math.max(LEAST, pair));
    if (kept !== pair) clippedPairs++;
    exact += pair;
    sum += kept;
  }
  return { sum, exact, clippedPairs };
}

const ROUNDING = 255; // half a level of two weights, times the most that an activation can be

/**
 * For each output channel the least scale under which no pair clips, or 0 where none does as it is. `integers` are the weights as they would
 * be rounded.
 */
export function unclippedScales(
  layer: Pick<WeightLayer, 'kind' | 'axis' | 'node'>,
  weights: Tensor,
  integers: Tensor,
  { lowest, highest }: ChannelRange,
  affine: Affine,
): Float64Array {
  const { outputs, length, place, channel } = windowsOf(layer, weights.dims);
  const level = (value: number): number => quantized(value, affine, UINT8);
  const [least, most] = [Float64Array.from(lowest, level), Float64Array.from(highest, level)];
  const real = floatValues(weights);
  const rounded = integers.data as Int8Array;
  /** The size that the sum of a pair can have. */
  const largest = (values: ArrayLike<number>, output: number): number => {
    let found = 0;
    for (let k = 0; k + 1 < length; k += 2) {
      let [down, up] = [0, 0];
      for (const one of [k, k + 1]) {
        const weight = values[place(output, one)] ?? 0;
        const c = channel(output, one);
        const [a, b] = [weight * (least[c] ?? 0), weight * (most[c] ?? 0)];
        down += Math.min(a, b);
        up += Math.max(a, b);
      }
      found = Math.max(found, up, -down);
    }
    return found;
  };
  return Float64Array.from({ length: outputs }, (_, output) =>
    largest(rounded, output) > MOST ? largest(real, output) / (MOST - ROUNDING) : 0,
  );
}

/** The order in which kernels add: all input channels at one place of the window, then those at the next. */
function windowsOf(
  { kind, axis, node }: Pick<WeightLayer, 'kind' | 'axis' | 'node'>,
  dims: readonly number[],
) {
  if (kind !== 'Conv') {
    const [outputs, length] = [dims[axis] ?? 1, dims[1 - axis] ?? 1];
    const place = (output: number, k: number): number =>
      axis === 0 ? output * length + k : k * outputs + output;
    return { outputs, length, place, channel: (_: number, k: number): number => k };
  }
  const [outputs = 1, inputs = 1, ...window] = dims;
  const places = elementCount(window);
  const groups = intOf(node, 'group', 1);
  return {
    outputs,
    // Each channel by itself has a kernel of its own, which adds in int32.
    length: groups > 1 && inputs === 1 ? 0 : inputs * places,
    place: (output: number, k: number): number =>
      (output * inputs + (k % inputs)) * places + Math.floor(k / inputs),
    channel: (output: number, k: number): number =>
      Math.floor((output * groups) / outputs) * inputs + (k % inputs),
  };
}
