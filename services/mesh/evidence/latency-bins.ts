// Latencies by bins of equal ratio, eight to a doubling (9 % wide), from 50 microseconds to past ten minutes. Histograms of many
// sources add up, and any threshold or quantile can be asked of them later, within the width of a bin.

const FIRST_MS = 0.05;
const PER_DOUBLING = 8;
export const BIN_COUNT = 192;

export function binOf(ms: number): number {
  const bin = Math.ceil(Math.log2(ms / FIRST_MS) * PER_DOUBLING);
  // NaN and all below the first bin go into the first.
  return bin > 0 ? Math.min(bin, BIN_COUNT - 1) : 0;
}

/** Latencies in the bin are at most this. */
export const edgeMs = (bin: number): number => FIRST_MS * 2 ** (bin / PER_DOUBLING);

/** A ratio of latencies, in bins. */
export const ratioInBins = (ratio: number): number => Math.log2(ratio) * PER_DOUBLING;
