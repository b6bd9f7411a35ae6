// Proves that a tapped graph answers as the one it was made of, and measures what the taps cost. Publishing refuses to sign what does not.
import type { Graph } from '../graph.js';
import { refusal } from '../refusal.js';
import { openSession, type Tensors } from '../session.js';
import { floatValues, type Tensor } from '../tensor.js';
import type { Tapped } from './tap.js';

/** Optimisation may order sums in another way once a value is looked at. */
export const TAP_DIFFERENCE_MAX = 1e-5;

/**
 * Without optimisation the sums of all layers before the tap are made in another order (2e-5 in a text recogniser); a value that was fused away
 * and replaced by another is off by far more.
 */
export const TAP_ROUNDING_MAX = 1e-4;

export interface TapProof {
  readonly samples: number;
  /** Largest change of any number that callers get. */
  readonly outputs: number;
  /** Largest difference of a tap from the same value without any optimisation, relative where it is above 1. */
  readonly taps: number;
}

/** Throws MODEL_REFUSED where an answer is further off than `most`, or a tap than TAP_ROUNDING_MAX. */
export async function verifyTaps(
  original: Graph,
  tapped: Tapped,
  samples: readonly Tensors[],
  most = TAP_DIFFERENCE_MAX,
): Promise<TapProof> {
  const { external } = original;
  await using before = await openSession(original.write(), { external });
  await using after = await openSession(tapped.graph.write(), { external });
  await using plain = await openSession(tapped.graph.write(), { external, optimisation: 'disabled' });
  const proof = { samples: samples.length, outputs: 0, taps: 0 };
  for (const feeds of samples) {
    const [old, now, slow] = [await before.run(feeds), await after.run(feeds), await plain.run(feeds)];
    for (const name of before.outputNames)
      proof.outputs = Math.max(proof.outputs, differenceOf(old[name], now[name], false));
    for (const name of tapped.outputs)
      proof.taps = Math.max(proof.taps, differenceOf(slow[name], now[name], true));
  }
  if (!(proof.outputs <= most && proof.taps <= TAP_ROUNDING_MAX))
    throw refusal(
      `With taps the model answers otherwise: outputs differ by ${proof.outputs}, taps by ${proof.taps}, at most ${most} and ${TAP_ROUNDING_MAX} are allowed. Tap another value.`,
    );
  return proof;
}

/** p50 of a run of the tapped graph over one without taps. */
export interface TapCost {
  /** All outputs are fetched: a run whose answer the auditor looks at. */
  readonly fetched: number;
  /** The callers' outputs alone are: every other run. */
  readonly unfetched: number;
}

/** Interleaved. */
export async function tapCost(
  original: Graph,
  tapped: Tapped,
  feeds: Tensors,
  rounds: number,
): Promise<TapCost> {
  const { external } = original;
  await using before = await openSession(original.write(), { external });
  await using after = await openSession(tapped.graph.write(), { external });
  const runs = [
    () => before.run(feeds),
    () => after.run(feeds),
    () => after.run(feeds, before.outputNames),
  ] as const;
  const times: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < rounds + WARM; round++)
    for (const which of round % 2 === 0 ? ([0, 1, 2] as const) : ([2, 1, 0] as const)) {
      const from = performance.now();
      await runs[which]();
      if (round >= WARM) times[which].push(performance.now() - from);
    }
  const [without = Number.NaN, fetched = Number.NaN, unfetched = Number.NaN] = times.map(
    (list) => list.sort((a, b) => a - b)[list.length >> 1],
  );
  return { fetched: fetched / without, unfetched: unfetched / without };
}
const WARM = 5;

/** Infinity where shapes differ or one is NaN and the other not. */
function differenceOf(a: Tensor | undefined, b: Tensor | undefined, relative: boolean): number {
  if (a === undefined || b === undefined || a.dataType !== b.dataType || a.dims.join() !== b.dims.join())
    return Infinity;
  const [x, y] = [floatValues(a), floatValues(b)];
  let largest = 0;
  for (let i = 0; i < x.length; i++) {
    const [p, q] = [x[i] as number, y[i] as number];
    if (Object.is(p, q)) continue;
    const apart = Math.abs(p - q) / (relative ? Math.max(1, Math.abs(p)) : 1);
    if (Number.isNaN(apart)) return Infinity;
    largest = Math.max(largest, apart);
  }
  return largest;
}
