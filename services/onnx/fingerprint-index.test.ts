import { expect, test } from 'vitest';
import { type Fingerprint, likeness, SAME_FROM } from './fingerprint.js';
import { FingerprintIndex } from './fingerprint-index.js';
import { type Seeded, seeded } from './seeded.js';

const TOLERANCE = 0.008;
const WIDTHS = [6, 7, 11, 16];

/** As fingerprints are: shares in falling order from 1, rows by their second share. */
const fingerprint = (rows: readonly Float32Array[]): Fingerprint => ({
  rows: rows.map((row) => row.toSorted().toReversed()).toSorted((a, b) => a[1]! - b[1]!),
});

const strange = (random: Seeded, width: number): Float32Array =>
  Float32Array.from({ length: width }, (_, k) => (k === 0 ? 1 : 0.4 + 0.6 * random.uniform()));

/** Some rows of another, moved by up to a little more than the tolerance, among strange ones. */
function relative(random: Seeded, { rows }: Fingerprint, share: number): Fingerprint {
  const moved = rows.map((row) =>
    random.uniform() > share
      ? strange(random, row.length)
      : row.map((one, k) => (k === 0 ? 1 : one + 1.02 * TOLERANCE * (2 * random.uniform() - 1))),
  );
  return fingerprint(moved.slice(0, Math.ceil(moved.length * (0.5 + random.uniform()))));
}

test('whoever is like a model by a comparison with all of them is found by the index, and few others are compared', () => {
  const random = seeded(11);
  const index = new FingerprintIndex<number>(TOLERANCE);
  const known: Fingerprint[] = [];
  for (let i = 0; i < 300; i++) {
    const width = WIDTHS[i % WIDTHS.length]!;
    const rows = Array.from({ length: 8 + Math.floor(20 * random.uniform()) }, () => strange(random, width));
    const before = known[i - 4];
    known.push(before && i % 3 > 0 ? relative(random, before, random.uniform()) : fingerprint(rows));
    index.add(i, known[i]!);
  }
  let [alike, looked] = [0, 0];
  for (const one of known) {
    const found = new Set(index.like(one, SAME_FROM));
    const wanted = known.flatMap((other, i) => (likeness(one, other, TOLERANCE) >= SAME_FROM ? [i] : []));
    expect(wanted.filter((i) => !found.has(i))).toEqual([]);
    alike += wanted.length;
    looked += found.size;
  }
  // Themselves, and many of their relatives.
  expect(alike).toBeGreaterThan(350);
  expect(looked).toBeLessThan(2 * alike);
});
