// What int8 does on processors without VNNI: AVX2 and AVX-512 multiply unsigned activations with signed weights and add two
// products in int16, which clips. This machine may not show it; the emulation does. Weights of 7 bits cannot clip:
// 2 * 255 * 63 = 32,130. Static quantization takes `weightBits: 7` for layers that it flags.
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

/** Pairs of weights that could clip with some activations: those of a size beyond 32,767 / 255 together, and of one sign. */
export function clippingShare(weights: Int8Array, window: number): number {
  let could = 0;
  let pairs = 0;
  for (let row = 0; row < weights.length; row += window) {
    for (let i = 0; i + 1 < window; i += 2) {
      const [a = 0, b = 0] = [weights[row + i], weights[row + i + 1]];
      const most = 255 * (Math.max(a, 0) + Math.max(b, 0));
      const least = 255 * (Math.min(a, 0) + Math.min(b, 0));
      if (most > MOST || least < LEAST) could++;
      pairs++;
    }
  }
  return pairs === 0 ? 0 : could / pairs;
}
