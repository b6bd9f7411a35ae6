import { expect, test } from 'vitest';
import type { Tensor } from '../../../contracts/tensor.js';
import type { TensorSpec } from '../../../contracts/tensor-spec.js';
import { seededRandom } from '../../mesh/random.js';
import { warmUp, type WarmUpParts, type WarmUpPlan } from './warm-up.js';

/** Doubles its input and counts its runs. */
function lab(): { -readonly [K in keyof WarmUpParts]: WarmUpParts[K] } & { runs: number } {
  const spec: TensorSpec = { name: 'x', datatype: 'FP32', shape: [-1, 4], dims: ['batch', ''] };
  const parts = {
    runs: 0,
    session: {
      declared: { inputs: [spec], outputs: [{ ...spec, name: 'y' }] },
      run: (inputs: readonly Tensor[]): Promise<Tensor[]> => {
        parts.runs++;
        const [x] = inputs as [Tensor & { data: Float32Array }];
        return Promise.resolve([{ ...x, name: 'y', data: x.data.map((value) => 2 * value) }]);
      },
    },
    clock: { monotonicMs: () => performance.now() },
    random: seededRandom(1),
    blocking: <T>(work: () => Promise<T>) => work(),
  };
  return parts;
}

test('nothing is run of a slow model for its time alone: what proves that rows may join also says what two of them take', async () => {
  const slow = lab();
  const { run } = slow.session;
  let nowMs = 0;
  slow.clock = { monotonicMs: () => nowMs };
  slow.session = {
    ...slow.session,
    run: (inputs) => {
      nowMs += 20 + 20 * (inputs[0]?.shape[0] ?? 1);
      return run(inputs);
    },
  };
  const { points, axes } = await warmUp({ warmDims: {}, cases: [], rowsMax: 8 }, slow);
  expect(axes).toEqual({ inputs: [0], outputs: [0] });
  expect(points).toEqual([
    { rows: 1, runMs: 40 },
    { rows: 2, runMs: 60 },
  ]);
  // Two to warm it, two alone and one of both.
  expect(slow.runs).toBe(5);
});

test('a quick model is timed up to 64 rows, three runs a size and three beside it', async () => {
  const quick = lab();
  const { run } = quick.session;
  let nowMs = 0;
  quick.clock = { monotonicMs: () => nowMs };
  quick.session = {
    ...quick.session,
    run: (inputs) => {
      nowMs++;
      return run(inputs);
    },
  };
  const { points } = await warmUp({ warmDims: {}, cases: [], rowsMax: 256 }, quick);
  expect(points.map(({ rows }) => rows)).toEqual([1, 2, 4, 8, 16, 32, 64]);
  // Three to warm it, five alone, two alone and one of both; six sizes.
  expect(quick.runs).toBe(3 + 5 + 3 + 6 * 6);
});

test('what another engine measured of the same bytes is taken over after one run, or none where that very graph has run', async () => {
  const first = lab();
  const plan = { warmDims: {}, cases: [], rowsMax: 8 };
  const measured = await warmUp(plan, first);
  expect(measured.axes).toEqual({ inputs: [0], outputs: [0] });
  expect(first.runs).toBeGreaterThan(10);
  // Through the pipe between host and engine.
  const report = JSON.parse(JSON.stringify(measured)) as typeof measured;
  const again = async (more: Partial<WarmUpPlan>, ran: boolean): Promise<number> => {
    const later = lab();
    expect(await warmUp({ ...plan, ...more, remembered: { report, ran } }, later)).toEqual(measured);
    return later.runs;
  };
  expect(await again({}, false)).toBe(1);
  expect(await again({}, true)).toBe(0);
  // The version's own test is made each time, and is a run.
  const [given] = first.session.declared.inputs.map((spec) => ({
    ...spec,
    shape: [1, 4],
    data: Float32Array.of(1, 2, 3, 4),
  }));
  const doubled = given && { ...given, name: 'y', data: Float32Array.of(2, 4, 6, 8) };
  const cases = given && doubled ? [{ inputs: [given], outputs: [doubled], tolerance: 0 }] : [];
  expect([await again({ cases }, false), await again({ cases }, true)]).toEqual([1, 1]);
});
