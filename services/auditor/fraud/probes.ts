// Challenge probes: inputs chosen so that their answers tell a version from others, the answers that the signed bytes give, and what to
// make of the answers that come. The auditor sends them by the normal route.
import { Buffer } from 'node:buffer';
import type { KeyObject } from 'node:crypto';
import { failure } from '../../../contracts/errors.js';
import type { Envelope } from '../../../contracts/manifest.js';
import { ProbeSet, PROBES_TYPE } from '../../../contracts/probe.js';
import { signEnvelope, verifyEnvelope } from '../../mesh/trust/dsse.js';
import type { Random } from '../../mesh/random.js';
import { strictJson } from '../../mesh/strict-json.js';
import { packFloats, unpackFloats } from '../detect/packed.js';

export interface Candidate {
  readonly input: Float32Array;
  /** What the registered version answers. */
  readonly expected: Float32Array;
  /** What versions answer that might stand in: older ones, smaller ones, those of other customers. */
  readonly others: readonly Float32Array[];
}

/** Most telling first: by the least difference from any stand-in, and among equals by the narrowest margin, where small changes show. */
export function chooseProbes(candidates: readonly Candidate[], count: number): Candidate[] {
  const rated = candidates.map((candidate) => ({
    candidate,
    apart: Math.min(...candidate.others.map((other) => largestDifference(candidate.expected, other))),
    margin: marginOf(candidate.expected),
  }));
  return rated
    .sort((a, b) => (b.apart === a.apart ? 0 : b.apart - a.apart) || a.margin - b.margin)
    .slice(0, count)
    .map(({ candidate }) => candidate);
}

export const probeSet = (about: Omit<ProbeSet, 'probes'>, chosen: readonly Candidate[]): ProbeSet =>
  ProbeSet.parse({
    ...about,
    probes: chosen.map(({ input, expected }) => ({
      input: packFloats(input),
      expected: packFloats(expected),
    })),
  });

export const sealProbes = (set: ProbeSet, privateKey: KeyObject): Envelope =>
  signEnvelope(PROBES_TYPE, Buffer.from(JSON.stringify(ProbeSet.parse(set))), privateKey);

/** Throws UNSIGNED where the signature or the form does not hold. */
export function openProbes(envelope: Envelope, publicKey: KeyObject): ProbeSet {
  const body = verifyEnvelope(envelope, PROBES_TYPE, publicKey);
  const read = ProbeSet.safeParse(strictJson(body, 'The probes', { bytesMax: PROBES_BYTES_MAX }));
  if (!read.success) throw failure('UNSIGNED', 'The probes have not the agreed form.', {}, read.error);
  return read.data;
}
const PROBES_BYTES_MAX = 64 * 1024 * 1024;

/** NaN, another length and anything beyond the tolerance are no match. */
export const matches = (expected: ArrayLike<number>, got: ArrayLike<number>, tolerance: number): boolean =>
  expected.length === got.length && largestDifference(expected, got) <= tolerance;

/**
 * Probes that a stand-in passes with chance `alpha` at most, when it answers a share `agreement` of them within the tolerance:
 * agreement^k <= alpha.
 */
export const probesNeeded = (agreement: number, alpha: number): number =>
  agreement <= 0 ? 1 : agreement >= 1 ? Infinity : Math.ceil(Math.log(alpha) / Math.log(agreement));

export type ProbeOpinion = 'registered' | 'doubtful' | 'other';

/** Asks each question once, at times nobody can foresee, and counts what comes back from each replica. One a version. */
export class ProbeRound {
  private readonly left: number[];
  private readonly tallies = new Map<string, { passed: number; failed: number }>();

  constructor(
    private readonly set: ProbeSet,
    private readonly random: Random,
  ) {
    this.left = set.probes.map((_, i) => i);
  }

  /** Milliseconds until the next one: exponential, so that having waited says nothing (mean `meanMs`). */
  nextInMs(meanMs: number): number {
    return -Math.log(1 - this.random()) * meanMs;
  }

  /** A question not asked before; undefined once none is left: make a new set. */
  next(): { readonly probe: number; readonly input: Float32Array } | undefined {
    const [probe] = this.left.splice(Math.floor(this.random() * this.left.length), 1);
    const found = probe === undefined ? undefined : this.set.probes[probe];
    return probe === undefined || found === undefined
      ? undefined
      : { probe, input: unpackFloats(found.input) };
  }

  /** `other`: two answers of the replica were not those of the registered version. One may be a fault of the way. */
  answered(probe: number, got: ArrayLike<number>, replica = ''): ProbeOpinion {
    const expected = unpackFloats(this.set.probes[probe]?.expected ?? '');
    const tally = this.tallies.get(replica) ?? { passed: 0, failed: 0 };
    if (matches(expected, got, this.set.tolerance)) tally.passed++;
    else tally.failed++;
    this.tallies.set(replica, tally);
    return opinionOf(tally);
  }

  opinions(): ReadonlyMap<string, ProbeOpinion> {
    return new Map([...this.tallies].map(([replica, tally]) => [replica, opinionOf(tally)]));
  }

  counts(): { readonly passed: number; readonly failed: number; readonly left: number } {
    const all = [...this.tallies.values()];
    const sum = (of: (one: (typeof all)[number]) => number) => all.reduce((n, one) => n + of(one), 0);
    return {
      passed: sum(({ passed }) => passed),
      failed: sum(({ failed }) => failed),
      left: this.left.length,
    };
  }
}

const opinionOf = ({ failed }: { readonly failed: number }): ProbeOpinion =>
  failed === 0 ? 'registered' : failed === 1 ? 'doubtful' : 'other';

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const apart = Math.abs((a[i] as number) - (b[i] as number));
    if (Number.isNaN(apart)) return Infinity;
    largest = Math.max(largest, apart);
  }
  return largest;
}

function marginOf(values: Float32Array): number {
  const [first = 0, second = 0] = Float32Array.from(values).sort().reverse();
  return first - second;
}
