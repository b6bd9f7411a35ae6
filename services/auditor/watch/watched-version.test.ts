import { expect, test } from 'vitest';
import type { ObservedRequest } from '../../../contracts/observation.js';
import { inputStatistics } from '../../mesh/observing/input-statistics.js';
import { projected } from '../../mesh/observing/projection.js';
import { seeded } from '../../onnx/seeded.js';
import { calibrate } from '../detect/calibrate.js';
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

const random = seeded(3);
const WIDTH = 32;
/** Two classes of a bump at one of two places; the answer is how much of it lies where. */
const picture = (): Float32Array => {
  const at = random.uniform() < 0.5 ? 0 : 16;
  return random.normals(WIDTH, 0.3).map((value, i) => value + (i >= at && i < at + 16 ? 1 : 0));
};
const answerTo = (x: Float32Array): Float32Array => {
  const half = (from: number) => x.subarray(from, from + 16).reduce((sum, value) => sum + value, 0);
  return Float32Array.of(half(0) - half(16), half(16) - half(0));
};
const rows = (count: number) =>
  Array.from({ length: count }, picture).map((input) => ({ input, logits: answerTo(input) }));
const packed = (values: Float32Array) => Buffer.from(new Uint8Array(values.buffer)).toString('base64');
const queryFrom = (caller: string, x: Float32Array, n: number): ObservedRequest =>
  request(n, {
    caller,
    vector: packed(projected(x)),
    inputs: { x: inputStatistics(x) },
    outputs: { y: packed(answerTo(x)) },
  });

test('a key whose queries lie close together is found, alone or as a tenant’s many keys, and honest ones are not', async () => {
  const output = { name: 'y', kind: 'logits', classes: 2 } as const;
  const baseline = await calibrate({
    version: 'a'.repeat(64),
    input: 'x',
    output,
    fit: [],
    clean: rows(2_000),
    families: { noise: rows(50).map((row) => ({ ...row, logits: Float32Array.of(0, 0) })) },
  });
  const watch = new WatchedVersion(baseline);
  let n = 0;
  const ask = (caller: string, x: Float32Array) => void watch.take(queryFrom(caller, x, n++));
  for (let key = 0; key < 20; key++) for (let i = 0; i < 200; i++) ask(`honest${key} t${key}`, picture());
  expect(watch.takeCopiers()).toEqual([]);
  const seed = picture();
  const jitter = () => seed.map((value) => value + 0.02 * random.normal());
  for (let i = 0; i < 1_000; i++) ask('thief t-thief', jitter());
  expect(watch.takeCopiers().map(({ name }) => name)).toContain('key thief');
  for (let i = 0; i < 300; i++) ask(`sybil${i % 10} t-many`, jitter());
  expect(watch.takeCopiers().map(({ name }) => name)).toContain('tenant t-many');
});

test('a verdict is told when it gets worse and again after a minute, not at every request', () => {
  expect(decideTelling('suspicious', { last: undefined, lastMs: -Infinity }, 0)).toBe(true);
  expect(decideTelling('suspicious', { last: 'suspicious', lastMs: 0 }, 59_000)).toBe(false);
  expect(decideTelling('abnormal', { last: 'suspicious', lastMs: 0 }, 10)).toBe(true);
  expect(decideTelling('suspicious', { last: 'abnormal', lastMs: 0 }, 60_000)).toBe(true);
});
