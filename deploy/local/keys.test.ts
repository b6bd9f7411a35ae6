import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Envelope } from '../../contracts/manifest.js';
import { rootOf, signManifest, verifyManifest } from '../../services/mesh/trust/manifest.js';
import { fingerprintOf, pemOf, privateKeyOf, publicKeyOf } from '../../services/mesh/trust/signing-key.js';
import { TRUST_FILES } from '../../services/mesh/trust/trust-files.js';
import { verifyPolicy } from '../../services/mesh/trust/trust-policy.js';
import { prepareKeys } from './keys.js';

let dir: string;
beforeEach(async () => {
  dir = join(await mkdtemp(join(tmpdir(), 'massif-keys-')), 'keys');
});
afterEach(async () => {
  await rm(join(dir, '..'), { recursive: true, force: true });
});

const read = (name: string): Promise<string> => readFile(join(dir, name), 'utf8');

test('what the publisher signs, the policy of the trust root admits', async () => {
  await prepareKeys(dir);
  const envelope = Envelope.parse(JSON.parse(await read(TRUST_FILES.policy)));
  const policy = verifyPolicy(envelope, publicKeyOf(await read(TRUST_FILES.rootKey)));
  const files = [{ name: 'model.onnx', digest: 'a'.repeat(64), bytes: 1 }];
  const { bundle } = signManifest('mine', files, privateKeyOf(await read('publisher.pem')));
  const { root } = verifyManifest(bundle, policy, { model: 'mine', nowMs: Date.now() });
  expect(root).toBe(rootOf(files));
});

test('a second start finds the same keys, which only this user can read', async () => {
  await prepareKeys(dir);
  const before = await read('publisher.pem');
  await prepareKeys(dir);
  expect(await read('publisher.pem')).toBe(before);
  expect((await stat(join(dir, 'publisher.pem'))).mode & 0o777).toBe(0o600);
  expect((await stat(dir)).mode & 0o777).toBe(0o700);
});

test('a folder from before there was an auditor gets one, in the next version of its policy', async () => {
  await prepareKeys(dir);
  await rm(join(dir, 'auditor.pem'));
  const policyNow = async () =>
    verifyPolicy(
      Envelope.parse(JSON.parse(await read(TRUST_FILES.policy))),
      publicKeyOf(await read(TRUST_FILES.rootKey)),
    );
  const before = await policyNow();
  await prepareKeys(dir);
  const after = await policyNow();
  expect(after).toMatchObject({ version: before.version + 1, publishers: before.publishers });
  const { fingerprint } = fingerprints(await read('auditor.pem'));
  expect(after.operators?.at(-1)).toMatchObject({ person: 'auditor', fingerprint });
});

const fingerprints = (pem: string) => ({ fingerprint: fingerprintOf(publicKeyOf(pemOf(privateKeyOf(pem)))) });
