import { expect, test } from 'vitest';
import { mlp } from '../../onnx/testing/mlp.js';
import { signedVersion } from '../testing/signed-version.js';
import { ModelSession } from './model-session.js';

test('a device that is not there is a refusal with a code, never a run on the processor', async () => {
  const bytes = mlp(1);
  const { record } = signedVersion(bytes, { model: 'mlp' });
  const open = (device: string) =>
    ModelSession.create({ model: bytes, external: new Map() }, record, { threads: 1, device });
  // No machine has a hundred of them.
  await expect(open('cuda:99')).rejects.toMatchObject({ code: 'DEVICE_UNAVAILABLE' });
  await (await open('cpu')).release();
});
