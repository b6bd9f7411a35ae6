import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLog } from '../log.js';
import { newKeyPair, privateKeyOf } from './signing-key.js';
import { FakeClock } from '../testing/fake-clock.js';
import { waitUntil } from '../testing/wait-until.js';
import { TRUST_FILES, TrustFiles } from './trust-files.js';
import { signPolicy } from './trust-policy.js';

const root = newKeyPair('root');
const publisher = newKeyPair('publisher');
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-trust-'));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

const write = (version: number, key = root) => {
  const { fingerprint, publicKeyPem } = publisher;
  const since = { notBefore: '2025-01-01T00:00:00Z', notAfter: '2035-01-01T00:00:00Z' };
  const publishers = [{ fingerprint, publicKeyPem, person: 'ann', models: ['*'], ...since }];
  const envelope = signPolicy({ version, publishers }, privateKeyOf(key.privateKeyPem));
  return writeFile(join(dir, TRUST_FILES.policy), JSON.stringify(envelope));
};

test('a policy that appears or changes later counts without a restart, a forged or older one does not', async () => {
  const clock = new FakeClock();
  const trust = await TrustFiles.open({ dir, clock, log: silentLog });
  expect(() => trust.current()).toThrow('No trust root');
  await writeFile(join(dir, TRUST_FILES.rootKey), root.publicKeyPem);
  await trust.look();
  expect(() => trust.current()).toThrow('nothing is trusted');

  await write(2);
  await clock.advance(2_000);
  await waitUntil('the policy counts', () => trust.current().version === 2);
  await write(3, newKeyPair('root'));
  await trust.look();
  await write(1);
  await trust.look();
  expect(trust.current().version).toBe(2);
  trust.close();
  expect(clock.pending).toBe(0);
});

test('a restart remembers the highest version it saw, and a mesh made anew begins anew', async () => {
  const clock = new FakeClock();
  const seenPath = join(dir, 'data', 'seen.json');
  const open = () => TrustFiles.open({ dir, seenPath, clock, log: silentLog });
  await writeFile(join(dir, TRUST_FILES.rootKey), root.publicKeyPem);
  await write(5);
  (await open()).close();
  await write(4);
  const later = await open();
  expect(() => later.current()).toThrow('nothing is trusted');
  await write(5);
  await later.look();
  expect(later.current().version).toBe(5);
  later.close();

  const other = newKeyPair('root');
  await writeFile(join(dir, TRUST_FILES.rootKey), other.publicKeyPem);
  await write(1, other);
  const anew = await open();
  expect(anew.current().version).toBe(1);
  anew.close();
});

test('services of one process that remember at the same moment do not take the draft from each other', async () => {
  const complaints: string[] = [];
  const log = { ...silentLog, warn: (event: string) => void complaints.push(event) };
  const data = join(dir, 'data');
  const seenPath = join(data, 'seen.json');
  await writeFile(join(dir, TRUST_FILES.rootKey), root.publicKeyPem);
  await write(5);
  const open = () => TrustFiles.open({ dir, seenPath, clock: new FakeClock(), log });
  for (const trust of await Promise.all(Array.from({ length: 12 }, open))) trust.close();
  expect(complaints).toEqual([]);
  expect(await readdir(data)).toEqual(['seen.json']);
});
