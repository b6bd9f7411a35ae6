import { expect, test } from 'vitest';
import type { Tensor } from '../../../contracts/tensor.js';
import type { TensorSpec } from '../../../contracts/tensor-spec.js';
import { seededRandom } from '../../mesh/random.js';
import { warmUp, type WarmUpParts } from './warm-up.js';

/** Doubles its input and counts its runs. */
function lab(): WarmUpParts & { runs: number } {
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

test('what another engine measured of the same bytes is taken over after one run', async () => {
  const first = lab();
  const plan = { warmDims: {}, cases: [], rowsMax: 8 };
  const measured = await warmUp(plan, first);
  expect(measured.axes).toEqual({ inputs: [0], outputs: [0] });
  expect(first.runs).toBeGreaterThan(10);
  const again = lab();
  // Through the pipe between host and engine.
  const remembered = JSON.parse(JSON.stringify(measured)) as typeof measured;
  expect(await warmUp({ ...plan, remembered }, again)).toEqual(measured);
  expect(again.runs).toBe(1);
});
