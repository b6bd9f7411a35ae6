// Sees that a key's queries are made to copy the model instead of to use it: they lie off the data, near the borders between classes,
// or close to one another (steps and jitter around a few seeds). The same over keys together, for those who share them out.
import type { Baseline, Ranks } from '../../../contracts/detection.js';
import { classOf } from '../detect/logit-scores.js';
import type { Row } from '../detect/scores.js';
import { deviationOf, ranksOf } from '../detect/ranks.js';
import { ShiftTest } from './shift-test.js';

export interface Query {
  /** Deviations from what callers usually send; lower is less usual. The chosen score of the baseline, and its margin. */
  readonly novelty: number;
  readonly margin: number;
  /** The input, or any map of it that keeps distances. */
  readonly vector: ArrayLike<number>;
  readonly label: number;
}

export interface ExtractionReference {
  /**
   * By class: distances of honest queries to the nearest earlier one of the same key and class. Some classes are narrower than others: all ones look
   * alike, and a key that asks for little else is no thief.
   */
  readonly nearness: ReadonlyMap<number, Ranks>;
}

/** From the scores of its row, by name; NaN where it has none. */
export function queryOf(
  { logits }: Pick<Row, 'logits'>,
  vector: ArrayLike<number>,
  scores: Readonly<Record<string, number>>,
  streams: readonly Ranks[],
  chosen: string,
): Query {
  const deviation = (name: string): number => {
    const ranks = streams.find((one) => one.name === name);
    return ranks === undefined ? Number.NaN : deviationOf(ranks, scores[name] ?? Number.NaN);
  };
  return { novelty: deviation(chosen), margin: deviation('margin'), vector, label: classOf(logits) };
}

/** Undefined for a baseline of before. */
export const referenceOf = ({ nearness }: Baseline): ExtractionReference | undefined =>
  nearness && { nearness: new Map(nearness.map(({ label, ranks }) => [label, ranks])) };

/** Fewer distances of a class than this say nothing about it. */
const DISTANCES_LEAST = 30;

/** From queries of honest keys, each in its order. */
export function extractionReference(keys: readonly (readonly Query[])[]): ExtractionReference {
  const distances = new Map<number, number[]>();
  for (const queries of keys) {
    const near = new NearestEarlier();
    for (const query of queries) {
      const distance = near.add(query);
      const own = distances.get(query.label) ?? [];
      if (distance !== undefined) own.push(distance);
      distances.set(query.label, own);
    }
  }
  const known = [...distances].filter(([, own]) => own.length >= DISTANCES_LEAST);
  return { nearness: new Map(known.map(([label, own]) => [label, ranksOf('nearness', 'input', own)])) };
}

export interface ExtractionFinding {
  readonly flagged: boolean;
  readonly evidence: number;
  readonly queries: number;
}

/** Earlier queries kept for each class, and classes kept: the oldest go. */
const KEPT_A_CLASS = 64;
const CLASSES_MAX = 64;
/** Keys in mind; those that asked longest ago are forgotten. */
const KEYS_MAX = 2_000;

/** A key in a thousand is flagged at most while it asks so many questions as its callers do. */
const ALPHA = 1e-3;
const HORIZON = 10_000;
export const FLAG_AT = HORIZON / ALPHA;

export class ExtractionWatch {
  private readonly keys = new Map<string, KeyState>();

  constructor(private readonly reference: ExtractionReference) {}

  /** `names`: the key, and what it may share with others: tenant, network, payment. Each has a finding of its own. */
  see(names: readonly string[], query: Query): Map<string, ExtractionFinding> {
    return new Map(names.map((name) => [name, this.stateOf(name).see(query)]));
  }

  forget(name: string): void {
    this.keys.delete(name);
  }

  private stateOf(name: string): KeyState {
    const state = this.keys.get(name) ?? new KeyState(this.reference);
    // Again at the end: a Map keeps the order of insertion, so the first is the one that asked longest ago.
    this.keys.delete(name);
    this.keys.set(name, state);
    const [oldest] = this.keys.keys();
    if (this.keys.size > KEYS_MAX && oldest !== undefined) this.keys.delete(oldest);
    return state;
  }
}

class KeyState {
  private readonly test = new ShiftTest(3);
  private readonly near = new NearestEarlier();
  private queries = 0;

  constructor(private readonly reference: ExtractionReference) {}

  see(query: Query): ExtractionFinding {
    this.queries++;
    const distance = this.near.add(query);
    const ranks = this.reference.nearness.get(query.label);
    const nearness =
      distance === undefined || ranks === undefined ? Number.NaN : deviationOf(ranks, distance);
    const evidence = this.test.add([query.novelty, query.margin, nearness]);
    return { flagged: evidence >= FLAG_AT, evidence, queries: this.queries };
  }
}

class NearestEarlier {
  private readonly earlier = new Map<number, Float32Array[]>();

  /** Undefined for the first of its class, and for one that was asked before: asking again teaches nothing, so it is no sign. */
  add({ label, vector }: Query): number | undefined {
    const kept = this.earlier.get(label) ?? [];
    const own = Float32Array.from(vector);
    let least = Infinity;
    for (const other of kept) {
      let sum = 0;
      for (let i = 0; i < own.length; i++) sum += ((own[i] as number) - (other[i] as number)) ** 2;
      least = Math.min(least, sum);
    }
    if (least === 0) return undefined;
    kept.push(own);
    if (kept.length > KEPT_A_CLASS) kept.shift();
    if (this.earlier.has(label) || this.earlier.size < CLASSES_MAX) this.earlier.set(label, kept);
    return least === Infinity ? undefined : Math.sqrt(least);
  }
}
