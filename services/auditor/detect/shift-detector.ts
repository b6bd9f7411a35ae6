// Sees that the scores of a stream of requests have moved, with a bound on false alarms: the Shiryaev-Roberts e-detector M = (1 + M) L
// (Shin, Ramdas, Rinaldo, 2023). While nothing changed the evidence grows by at most 1 a request, so it passes A once in A requests at
// most. Averages over streams, signs and sizes keep that bound however they depend on one another. The watch of a version owns one.
import { normalQuantile } from './normal-quantile.js';

export interface WatchedStream {
  readonly name: string;
  /** Its share of the evidence; all together 1. */
  readonly weight: number;
  /** Reference requests behind its ranks. */
  readonly samples: number;
  /** Whether lower scores are the likelier trouble (three quarters of the weight), or both signs are alike. */
  readonly lower: boolean;
}

/** Sizes of a shift in deviations, and what is bet on each: delays of shifts of 1/2, 1 and 2 were weighed against each other. */
const SIZES = [
  { size: 0.25, share: 0.5 / 4.5 },
  { size: 0.5, share: 2 / 4.5 },
  { size: 1, share: 1 / 4.5 },
  { size: 2, share: 1 / 4.5 },
] as const;

/** Evidence never grows beyond what a number holds. */
const MOST = 1e150;

interface Bet {
  readonly stream: number;
  readonly slope: number;
  readonly share: number;
  readonly lnMean: number;
}

export class ShiftDetector {
  private readonly bets: readonly Bet[];
  private readonly evidence: Float64Array;
  /** By stream: how large a shift is, and since when. */
  private readonly recent: readonly Trend[];

  constructor(private readonly streams: readonly WatchedStream[]) {
    this.bets = streams.flatMap((stream, i) => betsOn(stream, i));
    this.evidence = new Float64Array(this.bets.length);
    this.recent = streams.map(() => ({ up: { ...NOTHING }, down: { ...NOTHING } }));
  }

  /** One request: a deviation a stream; NaN where it has none, which leaves the stream's evidence as it is. Returns the evidence of all. */
  add(deviations: ArrayLike<number>): number {
    let total = 0;
    this.bets.forEach(({ stream, slope, share, lnMean }, i) => {
      const z = deviations[stream] as number;
      const before = this.evidence[i] as number;
      const now = Number.isNaN(z) ? before : Math.min(MOST, (1 + before) * Math.exp(slope * z - lnMean));
      this.evidence[i] = now;
      total += share * now;
    });
    for (let s = 0; s < this.streams.length; s++) this.remember(s, deviations[s] as number);
    return total;
  }

  /** The evidence of one stream alone, as if nothing else were watched. */
  ofStream(stream: number): number {
    let sum = 0;
    this.bets.forEach((bet, i) => {
      if (bet.stream === stream)
        sum += (bet.share * (this.evidence[i] as number)) / (this.streams[stream]?.weight || 1);
    });
    return sum;
  }

  /** Mean deviation, and requests, since the stream last looked like the reference. */
  sinceChange(stream: number): { readonly shift: number; readonly requests: number } {
    const { up, down } = this.recent[stream] ?? { up: NOTHING, down: NOTHING };
    const { sum, count } = up.level > down.level ? up : down;
    return { shift: count === 0 ? 0 : sum / count, requests: count };
  }

  /** After an alarm was told: looks for the next change. */
  restart(): void {
    this.evidence.fill(0);
    for (const { up, down } of this.recent) for (const one of [up, down]) Object.assign(one, NOTHING);
  }

  private remember(stream: number, z: number): void {
    const trend = this.recent[stream];
    if (trend === undefined || Number.isNaN(z)) return;
    follow(trend.up, z, z);
    follow(trend.down, -z, z);
  }
}

/** One direction: a CUSUM (Page, 1954) that gives a quarter of a deviation back each request. */
interface Rise {
  level: number;
  sum: number;
  count: number;
}
interface Trend {
  readonly up: Rise;
  readonly down: Rise;
}
const NOTHING: Readonly<Rise> = { level: 0, sum: 0, count: 0 };
const ALLOWANCE = 0.25;

/** Where the level was last 0 is the likeliest moment of change. */
function follow(rise: Rise, towards: number, z: number): void {
  const level = Math.max(0, rise.level + towards - ALLOWANCE);
  Object.assign(rise, level === 0 ? NOTHING : { level, sum: rise.sum + z, count: rise.count + 1 });
}

/**
 * L = exp(l z) / E exp(l z), the mean taken over the ranks that a reference of that size has, and one standard error of its middle
 * (1 / sqrt n) added on the cautious side: the reference is itself a sample.
 */
function betsOn({ weight, samples, lower }: WatchedStream, stream: number): Bet[] {
  const caution = 1 / Math.sqrt(samples);
  return SIZES.flatMap(({ size, share }) =>
    [-1, 1].map((sign) => ({
      stream,
      slope: sign * size,
      share: weight * share * (lower ? (sign < 0 ? 0.75 : 0.25) : 0.5),
      lnMean: lnMeanOver(samples, size) + size * caution,
    })),
  );
}

/** ln of the mean of exp(l z) over the ranks of n and one more; the ranks are symmetric, so the sign does not matter. */
function lnMeanOver(samples: number, slope: number): number {
  let sum = 0;
  for (let i = 0; i <= samples; i++) sum += Math.exp(slope * normalQuantile((i + 0.5) / (samples + 1)));
  return Math.log(sum / (samples + 1));
}
