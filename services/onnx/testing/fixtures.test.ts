import { expect, test } from 'vitest';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { scan } from '../scan.js';
import { seeded } from '../seeded.js';
import { openSession } from '../session.js';
import { float32, int64 } from '../tensor.js';
import { identity } from './identity.js';
import { mlp } from './mlp.js';
import { slow } from './slow.js';

test('the MLP answers ten numbers a row, the same for the same seed, others for another', async () => {
  expect(scan(mlp(1)).signature).toEqual({
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 784], symbols: ['batch', ''] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 10], symbols: ['batch', ''] }],
  });
  const x = float32([3, 784], seeded(5).normals(3 * 784, 1));
  const [first, again, other] = await Promise.all(
    [mlp(1), mlp(1), mlp(2)].map((bytes) => answer(bytes, { x })),
  );
  expect(first?.dims).toEqual([3, 10]);
  expect(again).toEqual(first);
  expect(other).not.toEqual(first);
});

test('the identity gives back what it gets, in several types', async () => {
  const x = int64([2], [7, -9]);
  expect(await answer(identity(T.INT64), { x })).toEqual(x);
  const words = { dataType: T.STRING, dims: [2], data: ['ja', ''] };
  expect(await answer(identity(T.STRING), { x: words })).toEqual(words);
});

test('the slow model takes its trip count from the caller and keeps its value', async () => {
  for (const trips of [0, 3]) {
    const y = await answer(slow(), { n: int64([], [trips]) });
    expect(Number(y?.data[0])).toBeCloseTo(1 / 256, 6);
  }
});

async function answer(
  bytes: Uint8Array,
  feeds: Parameters<Awaited<ReturnType<typeof openSession>>['run']>[0],
) {
  await using session = await openSession(bytes);
  return (await session.run(feeds))['y'];
}
