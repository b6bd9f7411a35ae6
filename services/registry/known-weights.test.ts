// Real networks of one family share no weights: nobody is accused of having copied the other.
import { expect, test } from 'vitest';
import { buckets } from '../../contracts/buckets.js';
import { silentLog } from '../mesh/log.js';
import type { Bus } from '../mesh/bus.js';
import { likeness, SAME_FROM } from '../onnx/fingerprint.js';
import { ocrClassifier, ocrDetector, ocrRecogniser } from '../onnx/testing/real-models.js';
import { KnownWeights } from './known-weights.js';

/** A bucket with nothing in it: what is compared here is kept nowhere. */
const empty = { keys: () => Promise.resolve([]) };

test('three networks of one text reader are three, and each is itself', async () => {
  const bus = { kv: (name: string) => Promise.resolve(name === buckets.weights('east') ? empty : undefined) };
  const weights = await KnownWeights.open(bus as unknown as Bus, 'east', () => undefined, silentLog);
  const all = [ocrRecogniser(), ocrDetector(), ocrClassifier()].map((bytes) => weights.of(bytes));
  expect(all.every(({ rows }) => rows.length >= 8)).toBe(true);
  const shares = all.map((one) => all.map((other) => likeness(one, other, 0.008)));
  shares.forEach((row, i) =>
    row.forEach((share, k) => (i === k ? expect(share).toBe(1) : expect(share).toBeLessThan(SAME_FROM / 2))),
  );
});
