// A version watched from baseline to verdict: a linear model on two clouds, its reference, and what may happen to it.
import { expect, test } from 'vitest';
import { Baseline } from '../../../contracts/detection.js';
import { seededRandom } from '../../mesh/random.js';
import { seeded } from '../../onnx/seeded.js';
import { calibrate } from './calibrate.js';
import type { Row } from './scores.js';
import { SURROGATES, surrogate } from './surrogates.js';
import { VersionWatch } from './version-watch.js';

const random = seeded(7);
const WIDTH = 32;

/** Class 0 is bright in front, class 1 behind; the feature is eight sums. */
function input(label: number): Float32Array {
  return random.normals(WIDTH, 0.3).map((value, i) => value + (Math.floor(i / 16) === label ? 1 : 0));
}
function answer(x: Float32Array, offset = 0): Row {
  const feature = Float32Array.from({ length: 8 }, (_, k) =>
    x.subarray(k * 4, k * 4 + 4).reduce((sum, value) => sum + value, offset),
  );
  const front = feature.subarray(0, 4).reduce((sum, value) => sum + value, 0);
  const rear = feature.subarray(4).reduce((sum, value) => sum + value, 0);
  return { input: x, logits: [(front - rear) / 4, (rear - front) / 4], feature };
}
const draw = () => input(random.uniform() < 0.5 ? 0 : 1);
const rows = (count: number) => Array.from({ length: count }, () => answer(draw()));
const chance = seededRandom(1);
const baseline = await calibrate({
  version: 'a'.repeat(64),
  input: 'x',
  output: { name: 'y', kind: 'logits', classes: 2 },
  tap: { value: 'h', output: 'tap_h', width: 8 },
  fit: rows(1_000),
  clean: rows(3_000),
  families: Object.fromEntries(
    SURROGATES.map((kind) => [
      kind,
      Array.from({ length: 200 }, () => answer(surrogate(kind, draw(), draw(), chance))),
    ]),
  ),
});

function run(watch: VersionWatch, request: (i: number) => Row, most: number) {
  for (let i = 1; i <= most; i++) {
    const row = request(i);
    const judgement = watch.see({
      ...row,
      inputDigest: String(i),
      outputDigest: [...(row.logits as number[])].join(),
    });
    if (judgement.verdict !== 'normal') return { ...judgement, after: i };
  }
  return undefined;
}

test('a baseline goes through its contract as text, and the chosen score is never behind max-softmax', () => {
  const again = Baseline.parse(JSON.parse(JSON.stringify(baseline)));
  expect(again).toEqual(baseline);
  const of = (score: string) => baseline.choice.find((one) => one.score === score)?.auroc ?? {};
  for (const [family, least] of Object.entries(of('msp')))
    expect(of(baseline.chosen)[family], family).toBeGreaterThanOrEqual(least - 0.01);
});

test('clean requests stay normal', () => {
  expect(run(new VersionWatch(baseline), () => answer(draw()), 10_000)).toBeUndefined();
});

test('other inputs are suspicious, never abnormal, and the strongest stream is one of the inputs', () => {
  const seen = run(new VersionWatch(baseline), () => answer(draw().map((value) => value + 0.2)), 500);
  expect(seen).toMatchObject({ verdict: 'suspicious', strongest: [{ source: 'input' }, {}, {}, {}, {}] });
});

test('features that moved while inputs and answers did not are seen by the tap alone', () => {
  const seen = run(new VersionWatch(baseline), () => answer(draw(), 1), 500);
  expect(seen).toMatchObject({
    verdict: 'suspicious',
    strongest: [{ source: 'intermediate' }, {}, {}, {}, {}],
  });
});

test('a constant answer is abnormal within three requests, a broken one at once', () => {
  const fixed = answer(draw());
  expect(run(new VersionWatch(baseline), () => fixed, 10)).toMatchObject({ verdict: 'abnormal', after: 3 });
  const broken = new VersionWatch(baseline).see({
    ...fixed,
    faults: ['not-a-number'],
    inputDigest: '',
    outputDigest: '',
  });
  expect(broken).toMatchObject({ verdict: 'abnormal', faults: ['not-a-number'] });
});

test('a check that confirms makes a suspicious version abnormal', () => {
  const watch = new VersionWatch(baseline);
  for (let i = 0; i < 500; i++)
    watch.see({ ...answer(draw(), 1), inputDigest: `${i}`, outputDigest: `${i}` });
  const last = answer(draw(), 1);
  expect(watch.see({ ...last, inputDigest: 'x', outputDigest: 'x' }, true).verdict).toBe('abnormal');
});

test('too small a reference is refused with a sentence', async () => {
  const few = {
    version: 'a'.repeat(64),
    input: 'x',
    output: { name: 'y', kind: 'logits', classes: 2 },
  } as const;
  await expect(calibrate({ ...few, fit: [], clean: rows(10), families: {} })).rejects.toThrow(
    '500 clean reference requests',
  );
});
