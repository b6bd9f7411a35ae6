// Costlier looks at single requests and at features of a class, for when the watch is suspicious: each asks the version again on changed copies.
// They raise an attacker's cost and prove nothing alone; thresholds are quantiles of the same figure over clean requests.
import type { Random } from '../../mesh/random.js';
import { classOf } from './logit-scores.js';

/** Probabilities of each input, by the normal route. */
export type Ask = (inputs: readonly Float32Array[]) => Promise<readonly ArrayLike<number>[]>;

/** Share of `copies` with a little noise (deviation in the input's unit) that keep the class, 0..1: adversarial answers stand on a narrow place. */
export async function perturbationAgreement(
  ask: Ask,
  input: Float32Array,
  { noise, copies }: { readonly noise: number; readonly copies: number },
  random: Random,
): Promise<number> {
  const shaken = Array.from({ length: copies }, () =>
    // The sum of three uniform numbers of variance 1/12 each, twice: near enough to a bell, and bounded.
    input.map((value) => value + noise * 2 * (random() + random() + random() - 1.5)),
  );
  const [own, ...others] = await ask([input, ...shaken]);
  const label = classOf(own ?? []);
  return others.filter((answer) => classOf(answer) === label).length / copies;
}

/**
 * Feature squeezing (Xu, Evans, Qi, 2018): the largest L1 distance, 0..2, between the answer and those to copies of fewer levels and with a
 * median over three neighbours. High is abnormal.
 */
export async function squeezingDistance(ask: Ask, input: Float32Array, levels = 8): Promise<number> {
  const [own, ...squeezed] = await ask([input, fewerLevels(input, levels), medianOfThree(input)]);
  return Math.max(...squeezed.map((answer) => l1(own ?? [], answer)));
}

/**
 * STRIP (Gao et al., 2019): mean entropy in nats of the answers to the input laid over clean ones. Low is abnormal: a trigger decides
 * whatever lies below it.
 */
export async function superposedEntropy(
  ask: Ask,
  input: Float32Array,
  clean: readonly Float32Array[],
): Promise<number> {
  const answers = await ask(clean.map((other) => input.map((value, i) => (value + (other[i] ?? 0)) / 2)));
  return answers.reduce((sum, answer) => sum + entropyOf(answer), 0) / Math.max(1, answers.length);
}

export interface ActivationSplit {
  /** Share of the smaller of the two clusters, 0..1/2. */
  readonly smaller: number;
  /** How far apart the two centres are, in mean distances from the own centre: above 3 or so there are two kinds. */
  readonly apart: number;
}

const ROUNDS = 20;

/** Activation clustering (Chen et al., 2018): two means over the features of one class. A poisoned class is two kinds, one of them small. */
export function activationSplit(features: readonly Float32Array[], random: Random): ActivationSplit {
  const first = features[Math.floor(random() * features.length)] ?? new Float32Array(0);
  let centres = [first, farthest(features, first)];
  let sides: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    sides = features.map((one) =>
      distance(one, centres[0] ?? one) <= distance(one, centres[1] ?? one) ? 0 : 1,
    );
    centres = centres.map((centre, side) => meanOf(features.filter((_, i) => sides[i] === side)) ?? centre);
  }
  const within =
    features.reduce((sum, one, i) => sum + distance(one, centres[sides[i] ?? 0] ?? one), 0) / features.length;
  const share = sides.filter((side) => side === 0).length / features.length;
  return {
    smaller: Math.min(share, 1 - share),
    apart: distance(centres[0] ?? first, centres[1] ?? first) / Math.max(within, 1e-12),
  };
}

function fewerLevels(input: Float32Array, levels: number): Float32Array {
  const [low, high] = input.reduce(
    ([a, b], value) => [Math.min(a, value), Math.max(b, value)],
    [Infinity, -Infinity],
  );
  const step = (high - low) / (levels - 1);
  return step > 0 ? input.map((value) => low + Math.round((value - low) / step) * step) : input.slice();
}

const medianOfThree = (input: Float32Array): Float32Array =>
  input.map((value, i) => {
    const [a, b] = [input[i - 1] ?? value, input[i + 1] ?? value];
    return Math.max(Math.min(a, b), Math.min(Math.max(a, b), value));
  });

function l1(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += Math.abs((a[i] as number) - (b[i] ?? 0));
  return sum;
}

function entropyOf(p: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < p.length; i++)
    if ((p[i] as number) > 0) sum -= (p[i] as number) * Math.log(p[i] as number);
  return sum;
}

function distance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += ((a[i] as number) - (b[i] as number)) ** 2;
  return Math.sqrt(sum);
}

const farthest = (features: readonly Float32Array[], from: Float32Array): Float32Array =>
  features.reduce((best, one) => (distance(one, from) > distance(best, from) ? one : best), from);

function meanOf(features: readonly Float32Array[]): Float32Array | undefined {
  if (features.length === 0) return undefined;
  return (features[0] as Float32Array).map(
    (_, i) => features.reduce((sum, one) => sum + (one[i] as number), 0) / features.length,
  );
}
