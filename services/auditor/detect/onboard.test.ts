// Publishing's part, on a small network that runs: from bytes to a tapped file and a baseline that the watch can use.
import { expect, test } from 'vitest';
import { seededRandom } from '../../mesh/random.js';
import { convolutional } from '../../onnx/models/convolutional.js';
import { seeded } from '../../onnx/seeded.js';
import { openSession } from '../../onnx/session.js';
import { modelRows } from './model-rows.js';
import { onboard } from './onboard.js';
import { surrogate } from './surrogates.js';
import { VersionWatch } from './version-watch.js';

const random = seeded(4);
/** A bright bar across or down, 8 x 8. */
function picture(): Float32Array {
  const [down, at] = [random.uniform() < 0.5, 1 + Math.floor(random.uniform() * 6)];
  return random.normals(64, 0.1).map((value, i) => value + ((down ? i % 8 : i >> 3) === at ? 1 : 0));
}
const pictures = (count: number) => Array.from({ length: count }, picture);

test('a model is onboarded: the best layer is tapped, answers stay, and its baseline tells noise from pictures', async () => {
  const model = convolutional({
    channels: 1,
    height: 8,
    width: 8,
    classes: 2,
    seed: 3,
    hidden: [8],
    blocks: [{ filters: 4, kernel: 3 }, 'pool'],
  });
  const chance = seededRandom(2);
  const { tapped, baseline, proof, layers, source, cost } = await onboard({
    version: 'b'.repeat(64),
    model,
    input: 'image',
    shape: [1, 8, 8],
    batch: 50,
    output: 'probabilities',
    kind: 'probabilities',
    fit: pictures(400),
    clean: pictures(600),
    families: { noise: pictures(100).map((one) => surrogate('noise', one, one, chance)) },
  });
  expect(proof).toMatchObject({ samples: 100, outputs: expect.closeTo(0, 5), taps: expect.closeTo(0, 5) });
  expect(cost.fetched).toBeGreaterThan(0);
  expect(layers.find(({ value }) => value === baseline.tap?.value)?.auroc).toBe(
    Math.max(...layers.map(({ auroc }) => auroc)),
  );
  expect(baseline.output.kind).toBe('logits');
  await using session = await openSession(tapped);
  const watch = new VersionWatch(baseline);
  const seen = async (inputs: readonly Float32Array[]) =>
    (await modelRows({ ...source, session }, inputs)).map(
      (row, i) =>
        watch.see({ ...row, inputDigest: `${i}`, outputDigest: Array.from(row.logits).join() }).verdict,
    );
  expect(new Set(await seen(pictures(500)))).toEqual(new Set(['normal']));
  expect(await seen(pictures(60).map((one) => surrogate('noise', one, one, chance)))).toContain('suspicious');
});
