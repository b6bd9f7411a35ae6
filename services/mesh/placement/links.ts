// What it takes to reach one region from another. Measured figures come with the link; where one is missing, its class has a usual one.
import type { Link, LinkClass } from '../../../contracts/placement.js';

export interface Path {
  readonly latencyMs: number;
  readonly mbitPerS: number;
  readonly pricePerGb: number;
  readonly lossShare: number;
}

// Round trips of a continent; a mobile network for `wireless`. Prices are what clouds ask for traffic between their regions.
export const USUAL: Readonly<Record<LinkClass, Path>> = {
  internet: { latencyMs: 60, mbitPerS: 200, pricePerGb: 0.08, lossShare: 0.001 },
  dedicated: { latencyMs: 30, mbitPerS: 10_000, pricePerGb: 0.02, lossShare: 0 },
  wireless: { latencyMs: 90, mbitPerS: 30, pricePerGb: 0.5, lossShare: 0.01 },
};

const HOME: Path = { latencyMs: 0.5, mbitPerS: 10_000, pricePerGb: 0, lossShare: 0 };

// TCP repairs a loss at the earliest after its smallest retransmission time-out.
const RETRANSMISSION_MS = 200;

export class Paths {
  private readonly known = new Map<string, Path>();

  constructor(links: readonly Link[]) {
    for (const { between, class: kind, latencyMs, mbitPerS, pricePerGb, lossShare } of links) {
      const usual = USUAL[kind];
      const path: Path = {
        latencyMs: latencyMs ?? usual.latencyMs,
        mbitPerS: mbitPerS ?? usual.mbitPerS,
        pricePerGb: pricePerGb ?? usual.pricePerGb,
        lossShare: lossShare ?? usual.lossShare,
      };
      const [a, b] = between;
      this.known.set(`${a} ${b}`, path).set(`${b} ${a}`, path);
    }
  }

  /** Regions between which no link is declared meet over the internet. */
  between(from: string, to: string): Path {
    return from === to ? HOME : (this.known.get(`${from} ${to}`) ?? USUAL.internet);
  }
}

/** Round trip with so many bytes on it, losses included, in milliseconds. */
export const transferMs = ({ latencyMs, mbitPerS, lossShare }: Path, bytes: number): number =>
  latencyMs + (bytes * 8) / (mbitPerS * 1_000) + lossShare * RETRANSMISSION_MS;
