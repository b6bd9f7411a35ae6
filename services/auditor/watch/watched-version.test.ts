import { expect, test } from 'vitest';
import type { ObservedRequest } from '../../../contracts/observation.js';
import { decideTelling } from './telling.js';
import { WatchedVersion } from './watched-version.js';

const request = (n: number, more: Partial<ObservedRequest> = {}): ObservedRequest => ({
  requestId: `r-${n}`,
  ordinary: true,
  inputs: {},
  outputs: {},
  taps: {},
  faults: [],
  inputDigest: `in-${n}`,
  outputDigest: `out-${n}`,
  ...more,
});
const broken = (n: number) => request(n, { faults: ['not-a-number'] });

test('one broken answer is suspicious, three different requests in a row are abnormal, the same request again and again is not', () => {
  const watch = new WatchedVersion();
  expect(watch.take(broken(1)).verdict).toBe('suspicious');
  expect(watch.take(broken(1)).verdict).toBe('suspicious');
  expect(watch.take(broken(1)).verdict).toBe('suspicious');
  expect(watch.take(broken(2)).verdict).toBe('suspicious');
  expect(watch.take(broken(3))).toMatchObject({ verdict: 'abnormal', faults: ['not-a-number'] });
  expect(watch.requestIds).toEqual(['r-3', 'r-2', 'r-1', 'r-1', 'r-1']);
});

test('a good answer between broken ones, and broken inputs, speak for the version', () => {
  const watch = new WatchedVersion();
  watch.take(broken(1));
  watch.take(broken(2));
  expect(watch.take(request(3)).verdict).toBe('normal');
  expect(watch.take(broken(4)).verdict).toBe('suspicious');
  for (let n = 5; n < 20; n++) expect(watch.take({ ...broken(n), ordinary: false }).verdict).toBe('normal');
});

test('a verdict is told when it gets worse and again after a minute, not at every request', () => {
  expect(decideTelling('suspicious', { last: undefined, lastMs: -Infinity }, 0)).toBe(true);
  expect(decideTelling('suspicious', { last: 'suspicious', lastMs: 0 }, 59_000)).toBe(false);
  expect(decideTelling('abnormal', { last: 'suspicious', lastMs: 0 }, 10)).toBe(true);
  expect(decideTelling('suspicious', { last: 'abnormal', lastMs: 0 }, 60_000)).toBe(true);
});
