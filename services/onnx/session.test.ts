import { expect, test } from 'vitest';
import { GraphBuilder } from './builder.js';
import { TensorProto_DataType as T } from './proto/onnx_pb.js';
import { openSession } from './session.js';
import { float32, int64 } from './tensor.js';
import { mlp } from './testing/mlp.js';

const x = float32([1, 784], new Float32Array(784));

test('inputs that do not fit are the caller’s mistake, named', async () => {
  await using session = await openSession(mlp(1));
  const mismatch = { code: 'TENSOR_MISMATCH' };
  await expect(session.run({})).rejects.toMatchObject(mismatch);
  await expect(session.run({ x: float32([1, 3], [1, 2, 3]) })).rejects.toMatchObject(mismatch);
  await expect(
    session.run({
      x: int64(
        [1, 784],
        Array.from({ length: 784 }, () => 0),
      ),
    }),
  ).rejects.toMatchObject(mismatch);
  await expect(session.run({ x, hidden_w: x })).rejects.toThrow('The model has no input "hidden_w".');
});

test('a computation that fails is the model’s', async () => {
  const g = new GraphBuilder();
  const index = g.input('i', T.INT64, [1]);
  g.output(g.op('Gather', [g.float([1, 2]), index]), T.FLOAT, [1]);
  await using session = await openSession(g.bytes());
  await expect(session.run({ i: int64([1], [9]) })).rejects.toMatchObject({ code: 'MODEL_FAILED' });
});

test('what onnxruntime does not load is refused in its own words', async () => {
  const g = new GraphBuilder();
  g.output(g.op('NoSuchOperator', [g.input('x', T.FLOAT, [1])]), T.FLOAT, [1]);
  await expect(openSession(g.bytes())).rejects.toMatchObject({
    code: 'MODEL_REFUSED',
    message: expect.stringContaining('NoSuchOperator') as string,
  });
});

test('a closed session says so, and may be closed twice', async () => {
  const session = await openSession(mlp(1));
  await session.close();
  await session.close();
  await expect(session.run({ x })).rejects.toMatchObject({ code: 'NOT_READY' });
});

test('outputs can be written into memory that the caller keeps', async () => {
  await using session = await openSession(mlp(1));
  const feeds = { x: float32([1, 784], new Float32Array(784).fill(1)) };
  const { y } = await session.run(feeds);
  const { toRuntime } = await import('./runtime-tensor.js');
  const kept = new Float32Array(10);
  await session.runRaw({ x: toRuntime(feeds.x) }, { y: toRuntime(float32([1, 10], kept)) });
  expect(kept).toEqual(y?.data);
});
