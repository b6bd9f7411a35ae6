import { expect, test } from 'vitest';
import type { TrustPolicy } from '../../../contracts/trust-policy.js';
import { newKeyPair, privateKeyOf, publicKeyOf } from './signing-key.js';
import { PolicyKeeper, publisherFor, signPolicy, verifyPolicy } from './trust-policy.js';

const root = newKeyPair('root');
const ann = newKeyPair('publisher');
const NOW = Date.parse('2026-06-01T00:00:00Z');

const policy = (version: number, more: Partial<TrustPolicy['publishers'][number]> = {}): TrustPolicy => ({
  version,
  publishers: [
    {
      fingerprint: ann.fingerprint,
      publicKeyPem: ann.publicKeyPem,
      person: 'ann',
      models: ['ocr', 'vad-*'],
      notBefore: '2026-01-01T00:00:00Z',
      notAfter: '2027-01-01T00:00:00Z',
      ...more,
    },
  ],
});
const signed = (document: TrustPolicy, key = root) => signPolicy(document, privateKeyOf(key.privateKeyPem));
const rootKey = publicKeyOf(root.publicKeyPem);

test('a policy signed by anyone but the root is refused', () => {
  expect(verifyPolicy(signed(policy(1)), rootKey)).toEqual(policy(1));
  expect(() => verifyPolicy(signed(policy(1), newKeyPair('root')), rootKey)).toThrow('does not match');
});

test('a policy whose fingerprint belongs to another key is refused', () => {
  const mixedUp = policy(1, { fingerprint: newKeyPair('publisher').fingerprint });
  expect(() => verifyPolicy(signed(mixedUp), rootKey)).toThrow('fingerprint');
});

test('the version only grows: an older policy is refused, the same one changes nothing', () => {
  const keeper = new PolicyKeeper(rootKey);
  expect(() => keeper.current()).toThrow('nothing is trusted');
  expect(keeper.offer(signed(policy(2)))).toBe(true);
  expect(keeper.offer(signed(policy(2)))).toBe(false);
  expect(() => keeper.offer(signed(policy(1)))).toThrow('older than 2');
  expect(keeper.current().version).toBe(2);
});

test('a key counts for its models, in its time, and not once revoked', () => {
  const ask = (model: string, more = {}, at = NOW) =>
    publisherFor(policy(1, more), ann.fingerprint, { model, nowMs: at });
  expect(ask('ocr').person).toBe('ann');
  expect(ask('vad-6').person).toBe('ann');
  expect(() => ask('ocr-2')).toThrow('not ocr-2');
  expect(() => ask('ocr', {}, Date.parse('2025-12-31T00:00:00Z'))).toThrow('counts from');
  expect(() => ask('ocr', {}, Date.parse('2027-01-02T00:00:00Z'))).toThrow('counts from');
  expect(() => ask('ocr', { revokedAt: '2026-05-01T00:00:00Z' })).toThrow('revoked');
  expect(() =>
    publisherFor(policy(1), newKeyPair('publisher').fingerprint, { model: 'ocr', nowMs: NOW }),
  ).toThrow('No publisher');
});
