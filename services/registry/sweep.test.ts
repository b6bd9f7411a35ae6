import { expect, test } from 'vitest';
import { UPLOAD_TTL_MS } from '../../contracts/buckets.js';
import { referencedBy, SWEEP_DIGESTS_MAX, sweepable, sweepSince } from './sweep.js';
import { aVersion, digestOf } from './testing/records.js';

const [kept, lost, fresh] = [digestOf('kept'), digestOf('lost'), digestOf('fresh')];
const now = 10 * UPLOAD_TTL_MS;

test('only what no version refers to and nobody touched for the life of an upload may go', () => {
  const version = aVersion({
    label: 'v1',
    state: 'archived',
    resources: [{ name: 'model.onnx', digest: kept, bytes: 1 }],
  });
  const stored = [
    { digest: kept, touchedMs: 0 },
    { digest: lost, touchedMs: now - UPLOAD_TTL_MS },
    { digest: fresh, touchedMs: now - UPLOAD_TTL_MS + 1 },
  ];
  expect(sweepable(stored, referencedBy([version]), now)).toEqual([lost]);
});

test('one sweep takes a limited number', () => {
  const stored = Array.from({ length: SWEEP_DIGESTS_MAX + 1 }, (_, i) => ({
    digest: digestOf(`${i}`),
    touchedMs: 0,
  }));
  expect(sweepable(stored, new Set(), now)).toHaveLength(SWEEP_DIGESTS_MAX);
});

test('a push notices a sweep that took what it counted on', () => {
  const going = { record: { digests: [lost], done: false }, revision: 7 };
  const gone = { record: { digests: [lost], done: true }, revision: 8 };
  expect(sweepSince(undefined, 5, [lost])).toBe('none');
  expect(sweepSince(going, 9, [lost])).toBe('in the way');
  expect(sweepSince(going, 5, [kept])).toBe('look again');
  expect(sweepSince(gone, 5, [lost])).toBe('look again');
  expect(sweepSince(gone, 8, [lost])).toBe('none');
});
