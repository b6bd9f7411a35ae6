// What int8 does on processors without VNNI: AVX2 and AVX-512 multiply unsigned activations with signed weights and add two neighbours'
// products in int16, which clips. Weights of 7 bits cannot (2 * 255 * 63 = 32,130), but lose a bit everywhere; here only those output
// channels get a coarser scale in which two neighbours do reach that far: with what their inputs were seen to be where they were, or with
// anything that an input can be.
import { intOf } from '../attributes.js';
import { elementCount, floatValues, type Tensor } from '../tensor.js';
import { quantized, UINT8, type Affine } from './affine.js';
import type { ChannelRange } from './channel-range.js';
import type { WeightLayer } from './layers.js';
import { integerWeights, type IntegerWeights, type WeightOptions } from './weights.js';

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

/** Between which levels each channel of a layer's input lies. */
export interface ReachedLevels {
  readonly least: (channel: number) => number;
  readonly most: (channel: number) => number;
}

/** Where the range of the inputs is found at run time: every level. */
export const ANY_LEVEL: ReachedLevels = { least: () => UINT8.lowest, most: () => UINT8.highest };

export function reachedLevels({ lowest, highest }: ChannelRange, affine: Affine): ReachedLevels {
  const level = (value: number): number => quantized(value, affine, UINT8);
  const [least, most] = [Float64Array.from(lowest, level), Float64Array.from(highest, level)];
  return { least: (channel) => least[channel] ?? 0, most: (channel) => most[channel] ?? 0 };
}

/** What the sums of a layer are made of. */
export type Summing = Pick<WeightLayer, 'kind' | 'axis' | 'node'>;

/** Integers of 8 bits or fewer, one scale an output channel, of which no two neighbours' products clip. */
export function unclippedWeights(
  layer: Summing,
  weights: Tensor,
  rounding: Omit<WeightOptions, 'axis'>,
  levels: ReachedLevels,
): IntegerWeights {
  const options = { ...rounding, axis: layer.axis };
  const closest = integerWeights(weights, options);
  const needed = unclippedScales(layer, weights, closest.values, levels);
  if (needed.every((scale) => scale === 0)) return closest;
  const least = needed.map((scale, c) => Math.max(scale, rounding.least?.[c] ?? 0));
  return integerWeights(weights, { ...options, least });
}

/**
 * For each output channel the least scale under which no pair clips, or 0 where none does as it is. `integers` are the weights as they would
 * be rounded.
 */
export function unclippedScales(
  layer: Summing,
  weights: Tensor,
  integers: Tensor,
  { least, most }: ReachedLevels,
): Float64Array {
  const { outputs, length, place, channel } = windowsOf(layer, weights.dims);
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
        const [a, b] = [weight * least(c), weight * most(c)];
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
function windowsOf({ kind, axis, node }: Summing, dims: readonly number[]) {
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
