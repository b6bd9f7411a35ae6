import { expect, test } from 'vitest';
import type { TrustPolicy } from '../../../contracts/trust-policy.js';
import { type Gated, mustStop, passGate } from './gate.js';
import { newKeyPair } from './signing-key.js';
import { approval, gated, keyTerm, people, TRUST_NOW_MS, trustPolicy } from '../testing/trust.js';

const { ann, bob, cid } = people;
const version = gated();
const pass = (given: Gated, policy: TrustPolicy, region?: string) =>
  passGate(given, policy, { nowMs: TRUST_NOW_MS, region });
const withApprovals = (...approvals: Gated['approvals'] & object) => ({ ...version, approvals });

test('a signed version passes where nobody asks for approvals', () => {
  expect(pass(version, trustPolicy())).toMatchObject({ approvers: [], publisher: { person: 'ann' } });
});

test('persons count, not signatures: two of two need two', () => {
  const policy = trustPolicy(2);
  const [one, again, two] = [approval(version, bob), approval(version, bob), approval(version, cid)];
  expect(() => pass(version, policy)).toThrow('needs 2 approval(s) and has 0');
  expect(() => pass(withApprovals(one, again), policy)).toThrow('has 1 (bob)');
  expect(() => pass(withApprovals(one, one), policy)).toThrow('has 1 (bob)');
  expect(pass(withApprovals(one, two), policy).approvers).toEqual(['bob', 'cid']);
});

test('two keys of one person are one person', () => {
  const spare = newKeyPair('approver');
  const policy = trustPolicy(2, { approvers: [keyTerm('bob', bob), keyTerm('bob', spare)] });
  expect(() => pass(withApprovals(approval(version, bob), approval(version, spare)), policy)).toThrow(
    'has 1 (bob)',
  );
});

test('who published it does not approve it, with whatever key', () => {
  const own = newKeyPair('approver');
  const policy = trustPolicy(1, { approvers: [keyTerm('ann', own), keyTerm('bob', bob)] });
  expect(() => pass(withApprovals(approval(version, own)), policy)).toThrow('ann published it');
  expect(pass(withApprovals(approval(version, own), approval(version, bob)), policy).approvers).toEqual([
    'bob',
  ]);
});

test('an approval is of one version, in its time, by a key that counts for it', () => {
  const policy = trustPolicy(1);
  const other = gated('vad');
  const refused = (given: ReturnType<typeof approval>, sentence: string, under = policy) =>
    expect(() => pass(withApprovals(given), under)).toThrow(sentence);
  refused(approval(other, bob), 'is for another version');
  refused(approval({ ...version, model: 'vad' }, bob), 'is for another version');
  refused(approval(version, bob, { expiresAt: '2026-05-31T00:00:00Z' }), 'ended at 2026-05-31');
  refused(approval(version, ann), 'No approver of trust policy 3 has this key');
  const scoped = trustPolicy(1, { approvers: [{ ...keyTerm('bob', bob), models: ['vad-*'] }] });
  refused(approval(version, bob), 'bob may approve vad-*, not ocr', scoped);
  const revoked = { ...keyTerm('bob', bob), revokedAt: '2026-05-02T00:00:00Z' };
  refused(approval(version, bob), 'was revoked', trustPolicy(1, { approvers: [revoked] }));
  const honest = approval(version, bob);
  const forged = { ...honest, signatures: approval(version, cid).signatures };
  refused(
    { ...forged, signatures: [{ ...forged.signatures[0]!, keyid: bob.fingerprint }] },
    'does not match',
  );
});

test('the largest number that any rule asks for counts', () => {
  const approvals = [
    { models: ['*'], needed: 1 },
    { models: ['ocr', 'v*'], needed: 2 },
  ];
  const policy = trustPolicy(0, { approvals });
  expect(() => pass(withApprovals(approval(version, bob)), policy)).toThrow('needs 2');
  const other = gated('other');
  expect(pass({ ...other, approvals: [approval(other, bob)] }, policy).approvers).toEqual(['bob']);
});

test('a word counts in its regions and in no other', () => {
  const policy = trustPolicy(0, { publishers: [{ ...keyTerm('ann', ann), regions: ['east'] }] });
  expect(pass(version, policy, 'east').publisher.person).toBe('ann');
  expect(pass(version, policy).publisher.person).toBe('ann');
  expect(() => pass(version, policy, 'west')).toThrow('counts in east, not in west');
  const approvers = [{ ...keyTerm('bob', bob), regions: ['west'] }];
  const approved = withApprovals(approval(version, bob));
  expect(pass(approved, trustPolicy(1, { approvers }), 'west').approvers).toEqual(['bob']);
  expect(() => pass(approved, trustPolicy(1, { approvers }), 'east')).toThrow('counts in west');
});

test('a revoked version is refused although its publisher is trusted', () => {
  const revokedVersions = [{ version: version.digest, reason: 'reads its input aloud' }];
  expect(() => pass(version, trustPolicy(0, { revokedVersions }))).toThrow('reads its input aloud');
});

test('another digest or another file than was signed is refused', () => {
  expect(() => pass({ ...version, digest: gated('vad').digest }, trustPolicy())).toThrow('another version');
  expect(() => pass({ ...version, resources: gated('vad').resources }, trustPolicy())).toThrow(
    'not the one that was signed',
  );
});

test('what runs stops when it is revoked, not when a term ends or approvals are asked for', () => {
  const stop = (policy: TrustPolicy, nowMs = TRUST_NOW_MS) =>
    mustStop(version, policy, { loadedAtMs: TRUST_NOW_MS, nowMs, region: 'east' });
  const later = Date.parse('2028-01-01T00:00:00Z');
  expect(stop(trustPolicy())).toBeUndefined();
  expect(stop(trustPolicy(), later)).toBeUndefined();
  expect(stop(trustPolicy(2))).toBeUndefined();
  const revoked = { ...keyTerm('ann', ann), revokedAt: '2026-09-01T00:00:00Z' };
  expect(stop(trustPolicy(0, { publishers: [revoked] }))).toBeUndefined();
  expect(stop(trustPolicy(0, { publishers: [revoked] }), later)).toContain('revoked');
  expect(stop(trustPolicy(0, { publishers: [] }))).toContain('No publisher');
  const revokedVersions = [{ version: version.digest, reason: 'bad' }];
  expect(stop(trustPolicy(0, { revokedVersions }))).toContain('revokes version');
});
