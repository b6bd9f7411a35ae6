import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Tensor } from '../../../contracts/tensor.js';
import { reclaim } from '../../mesh/reclaim.js';
import { mlp } from '../../onnx/testing/mlp.js';
import { signedVersion } from '../testing/signed-version.js';
import { ModelSession, type SessionSetting } from './model-session.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-session-'));
});
afterAll(() => rm(dir, { recursive: true }));

const bytes = mlp(1);
const { record } = signedVersion(bytes, { model: 'mlp' });
const open = (model: Uint8Array, setting: Partial<SessionSetting> = {}) =>
  ModelSession.create({ model, external: new Map() }, record, { threads: 1, device: 'cpu', ...setting });

test('a device that is not there is a refusal with a code, never a run on the processor', async () => {
  // No machine has a hundred of them.
  await expect(open(bytes, { device: 'cuda:99' })).rejects.toMatchObject({ code: 'DEVICE_UNAVAILABLE' });
  await (await open(bytes)).release();
});

test('a session of a prepared graph answers as that of the signed one does, for as long as it lives', async () => {
  const image: Tensor = {
    name: 'x',
    datatype: 'FP32',
    shape: [1, 784],
    data: new Float32Array(784).map((_, i) => i / 784),
  };
  const writeTo = join(dir, 'prepared');
  const signed = await open(bytes, { writeTo });
  const expected = (await signed.run([image]))[0]?.data;
  await signed.release();
  const prepared = await open(await readFile(writeTo), { prepared: true });
  // Its weights lie in bytes that nobody else holds: were they given back, others would be there by now.
  for (let turn = 0; turn < 3; turn++) {
    reclaim();
    await sleep(20);
    for (let i = 0; i < 50; i++) Buffer.alloc(bytes.length, 0x41);
  }
  expect((await prepared.run([image]))[0]?.data).toEqual(expected);
  await prepared.release();
});
