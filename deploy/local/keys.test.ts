import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { prepareKeys } from './keys.js';

let dir: string;
beforeEach(async () => {
  dir = join(await mkdtemp(join(tmpdir(), 'massif-keys-')), 'keys');
});
afterEach(async () => {
  await rm(join(dir, '..'), { recursive: true, force: true });
});

test.each(['publisher', 'approver'])('what the %s signs, its public key verifies', async (signer) => {
  await prepareKeys(dir);
  const [secret, known] = await Promise.all(
    [`${signer}.pem`, `${signer}.pub.pem`].map(async (name) => readFile(join(dir, name), 'utf8')),
  );
  const body = Buffer.from('a manifest');
  const signature = sign('sha256', body, createPrivateKey(secret ?? ''));
  expect(verify('sha256', body, createPublicKey(known ?? ''), signature)).toBe(true);
});

test('a second start finds the same keys, which only this user can read', async () => {
  await prepareKeys(dir);
  const before = await readFile(join(dir, 'publisher.pem'), 'utf8');
  await prepareKeys(dir);
  expect(await readFile(join(dir, 'publisher.pem'), 'utf8')).toBe(before);
  expect((await stat(join(dir, 'publisher.pem'))).mode & 0o777).toBe(0o600);
  expect((await stat(dir)).mode & 0o777).toBe(0o700);
});
