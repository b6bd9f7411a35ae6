// The fraud part of bench detect: keys that use the model and keys that copy it, weights in disguise, stand-ins behind a name.
import { ExtractionWatch, extractionReference, type Query } from '../../services/auditor/fraud/extraction.js';
import { projected } from '../../services/mesh/observing/projection.js';
import { fingerprintOf, likeness } from '../../services/onnx/fingerprint.js';
import { type Candidate, chooseProbes, matches } from '../../services/auditor/fraud/probes.js';
import { classOf } from '../../services/auditor/detect/logit-scores.js';
import type { Row } from '../../services/auditor/detect/scores.js';
import type { Seeded } from '../../services/onnx/seeded.js';

export interface Seen {
  readonly row: Row;
  /** Deviations of the chosen score and of the margin. */
  readonly novelty: number;
  readonly margin: number;
}

const queriesOf = (seen: readonly Seen[]): Query[] =>
  seen.map(({ row, novelty, margin }) => ({
    novelty,
    margin,
    vector: projected(row.input),
    label: classOf(row.logits),
  }));

export interface ExtractionFigures {
  readonly benign: { readonly keys: number; readonly queries: number; readonly flagged: number };
  /** Queries until flagged, of each of the attacks' keys; undefined where never. */
  readonly attacks: Readonly<Record<string, readonly (number | undefined)[]>>;
  /** Queries of all ten keys together. */
  readonly sybil: number | undefined;
}

/**
 * Honest keys draw without repetition from the stream, every second one from three classes alone. Attackers' queries are given in the order
 * in which they are asked; each fifth of them is a key.
 */
export function extractionFigures(
  reference: readonly Seen[],
  stream: readonly Seen[],
  attacks: Readonly<Record<string, readonly Seen[]>>,
  { keys, queries }: { readonly keys: number; readonly queries: number },
  random: Seeded,
): ExtractionFigures {
  const honest = queriesOf(stream);
  const known = queriesOf(reference);
  const watch = new ExtractionWatch(
    extractionReference(Array.from({ length: 8 }, () => drawn(known, 1_000, random))),
  );
  let flagged = 0;
  let asked = 0;
  for (let key = 0; key < keys; key++) {
    const first = Math.floor(random.uniform() * 10);
    const own = key % 2 === 0 ? honest : honest.filter(({ label }) => (label - first + 10) % 10 < 3);
    const sent = drawn(own, queries, random);
    asked += sent.length;
    if (flaggedAfter(watch, [`honest ${key}`], sent) !== undefined) flagged++;
    watch.forget(`honest ${key}`);
  }
  const found = Object.entries(attacks).map(([name, seen]) => {
    const sent = queriesOf(seen);
    const size = Math.floor(sent.length / 5);
    return [
      name,
      Array.from({ length: 5 }, (_, k) =>
        flaggedAfter(watch, [`${name} ${k}`], sent.slice(k * size, (k + 1) * size)),
      ),
    ] as const;
  });
  const shared = queriesOf(Object.values(attacks).at(-1) ?? []);
  const group = shared.findIndex(
    (query, i) => watch.see([`sybil ${i % 10}`, 'sybil'], query).get('sybil')?.flagged === true,
  );
  return {
    benign: { keys, queries: Math.round(asked / keys), flagged },
    attacks: Object.fromEntries(found),
    sybil: group === -1 ? undefined : group + 1,
  };
}

function flaggedAfter(
  watch: ExtractionWatch,
  names: readonly string[],
  queries: readonly Query[],
): number | undefined {
  const at = queries.findIndex((query) => watch.see(names, query).get(names[0] ?? '')?.flagged === true);
  return at === -1 ? undefined : at + 1;
}

function drawn<T>(items: readonly T[], count: number, random: Seeded): T[] {
  const left = [...items];
  for (let i = 0; i < Math.min(count, left.length); i++) {
    const other = i + Math.floor(random.uniform() * (left.length - i));
    [left[i], left[other]] = [left[other] as T, left[i] as T];
  }
  return left.slice(0, count);
}

export const likenesses = (
  own: Uint8Array,
  others: Readonly<Record<string, Uint8Array>>,
): Record<string, number> => {
  const fingerprint = fingerprintOf(own);
  return Object.fromEntries(
    Object.entries(others).map(([name, model]) => [name, likeness(fingerprint, fingerprintOf(model))]),
  );
};

export const PROBES = 20;

/** Share of 20 chosen probes, and of 20 drawn at random, that each stand-in fails; the registered one comes first. */
export function probeFigures(
  rows: Readonly<Record<string, readonly Row[]>>,
  registered: string,
  similar: string,
  tolerance: number,
): Record<string, { readonly chosen: number; readonly drawn: number }> {
  const own = rows[registered] ?? [];
  const candidates: Candidate[] = own.map(({ input, logits }, i) => ({
    input: Float32Array.from(input),
    expected: Float32Array.from(logits),
    others: [Float32Array.from(rows[similar]?.[i]?.logits ?? [])],
  }));
  const place = new Map(candidates.map((candidate, i) => [candidate, i]));
  const chosen = chooseProbes(candidates, PROBES).map((candidate) => place.get(candidate) ?? 0);
  const failing = (name: string, places: readonly number[]) =>
    places.filter((i) => !matches(own[i]?.logits ?? [], rows[name]?.[i]?.logits ?? [], tolerance)).length /
    places.length;
  const plain = Array.from({ length: PROBES }, (_, i) => i);
  return Object.fromEntries(
    Object.keys(rows).map((name) => [name, { chosen: failing(name, chosen), drawn: failing(name, plain) }]),
  );
}
