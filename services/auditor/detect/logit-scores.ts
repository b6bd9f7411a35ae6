// How sure an answer sounds: scores of one row of class scores, higher is more normal. Calibration and the watch ask; both
// for every answer, so one pass makes them all.

export const OUTPUT_SCORES = ['msp', 'maxLogit', 'entropy', 'energy', 'gen', 'margin'] as const;
export type OutputScore = (typeof OUTPUT_SCORES)[number];

/** GEN: exponent and how many of the largest probabilities count (Liu, Lochman, Zach, 2023). */
const GEN_POWER = 0.1;
const GEN_LARGEST = 100;

/** log sum exp without overflow: the energy score at T = 1 (Liu et al., 2020). */
export function logSumExp(logits: ArrayLike<number>): number {
  const largest = largestOf(logits);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp((logits[i] as number) - largest);
  return largest + Math.log(sum);
}

/** Rows of probabilities sum to 1; natural logarithms. */
export function softmax(logits: ArrayLike<number>): Float64Array {
  const total = logSumExp(logits);
  return Float64Array.from(logits, (z) => Math.exp(z - total));
}

/**
 * msp: max p (Hendrycks, Gimpel, 2017). maxLogit: max z (Hendrycks et al., 2022). entropy: sum p ln p. energy: ln sum exp z. gen:
 * -sum over the largest p of p^g (1-p)^g. margin: the largest p less the second. `logits` [classes]; where only probabilities are
 * known their logarithms do, and energy is then 0 for every row.
 */
export function outputScores(logits: ArrayLike<number>): Record<OutputScore, number> {
  const energy = logSumExp(logits);
  let [first, second, entropy] = [-Infinity, -Infinity, 0];
  const p = new Float64Array(logits.length);
  for (let i = 0; i < logits.length; i++) {
    const z = logits[i] as number;
    if (z > first) [first, second] = [z, first];
    else if (z > second) second = z;
    const share = Math.exp(z - energy);
    p[i] = share;
    if (share > 0) entropy += share * (z - energy);
  }
  const msp = Math.exp(first - energy);
  return {
    msp,
    maxLogit: first,
    entropy,
    energy,
    gen: generalisedEntropy(p),
    margin: msp - Math.exp(second - energy),
  };
}

function generalisedEntropy(p: Float64Array): number {
  const counted = p.length > GEN_LARGEST ? p.sort().subarray(p.length - GEN_LARGEST) : p;
  let sum = 0;
  for (const share of counted) sum -= Math.pow(share * (1 - share), GEN_POWER);
  return sum;
}

/** Of equal ones the first. */
export function classOf(logits: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if ((logits[i] as number) > (logits[best] as number)) best = i;
  return best;
}

function largestOf(values: ArrayLike<number>): number {
  let largest = -Infinity;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, values[i] as number);
  return largest;
}
