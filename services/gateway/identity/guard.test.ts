import { expect, test } from 'vitest';
import type { KeyRecord } from '../../../contracts/identity.js';
import { hashOf, keyText, newCredential, readCredential } from './credential.js';
import { Guard } from './guard.js';
import { neededAtGrpc, neededAtRest } from './permission.js';

const time = { now: 1_000_000, monotonic: 0 };
const clock = { now: () => time.now, monotonicMs: () => time.monotonic };
const credential = newCredential();
const record: KeyRecord = {
  id: credential.id,
  tenant: 'acme',
  roles: ['caller'],
  endpoints: ['ocr'],
  description: '',
  hash: hashOf(credential.secret),
  createdAt: new Date(0).toISOString(),
  expiresAt: new Date(2_000_000).toISOString(),
};
function guarded(more: Partial<KeyRecord> = {}): Guard {
  const guard = new Guard('keys', clock);
  guard.keys.set(record.id, { ...record, ...more });
  return guard;
}
const bearer = { authorization: `Bearer ${keyText(credential)}`, tenant: undefined };
const call = neededAtRest('POST', '/v2/models/ocr/infer');

test('a key of the right role for the right model comes in as its tenant', () => {
  expect(guarded().admit(bearer, call).tenant).toBe('acme');
  expect(readCredential('bearer  ' + keyText(credential))).toEqual(credential);
});

test.each<[string, Guard, string | undefined, string]>([
  ['none', guarded(), undefined, 'UNAUTHENTICATED'],
  ['of another form', guarded(), 'Bearer hunter2', 'UNAUTHENTICATED'],
  [
    'with a wrong secret',
    guarded(),
    `Bearer ${keyText({ ...newCredential(), id: record.id })}`,
    'UNAUTHENTICATED',
  ],
  ['that nobody issued', guarded(), `Bearer ${keyText(newCredential())}`, 'UNAUTHENTICATED'],
  [
    'that ended',
    guarded({ expiresAt: new Date(999_999).toISOString() }),
    bearer.authorization,
    'UNAUTHENTICATED',
  ],
  ['of another role', guarded({ roles: ['viewer'] }), bearer.authorization, 'NOT_ALLOWED'],
  ['for another model', guarded({ endpoints: ['vad'] }), bearer.authorization, 'NOT_ALLOWED'],
])('a key %s is refused', (_what, guard, authorization, code) => {
  expect(() => guard.admit({ authorization, tenant: undefined }, call)).toThrow(
    expect.objectContaining({ code }),
  );
});

test("nobody rides on another tenant's quota", () => {
  expect(() => guarded().admit({ ...bearer, tenant: 'other' }, call)).toThrow(
    expect.objectContaining({ code: 'NOT_ALLOWED' }),
  );
});

test('a quota bounds what comes in a second and what is in flight, and refills', () => {
  const guard = guarded();
  guard.tenants.set('acme', {
    name: 'acme',
    quota: { requestsPerS: 2, burst: 3, inFlightMax: 2 },
    updatedAt: record.createdAt,
  });
  const [first] = [guard.admit(bearer, call), guard.admit(bearer, call)];
  expect(() => guard.admit(bearer, call)).toThrow(/2 requests in flight/);
  first?.leave();
  first?.leave();
  const third = guard.admit(bearer, call);
  third.leave();
  expect(() => guard.admit(bearer, call)).toThrow(
    expect.objectContaining({ code: 'RATE_LIMITED', retryAfterMs: 500 }),
  );
  time.monotonic += 500;
  expect(guard.admit(bearer, call).tenant).toBe('acme');
});

test('each path needs the permission of what it does, and what nobody named an operator', () => {
  const asked = (method: string, path: string) => neededAtRest(method, path).permission;
  expect(neededAtRest('GET', '/v2/models/a%20b/versions/1/config')).toEqual({
    permission: 'infer',
    endpoint: 'a b',
  });
  expect(asked('GET', '/v2/health/live')).toBe('open');
  expect(asked('GET', '/metrics')).toBe('open');
  expect(asked('GET', '/v2')).toBe('read');
  expect(asked('GET', '/v2/models/stats')).toBe('read');
  expect(asked('POST', '/v2/repository/models/ocr/load')).toBe('operate');
  expect(asked('POST', '/v2/releases')).toBe('operate');
  expect(asked('GET', '/v2/releases')).toBe('read');
  expect(asked('POST', '/v2/train/jobs')).toBe('submit');
  expect(asked('POST', '/v2/something/new')).toBe('operate');
  expect(neededAtGrpc('/inference.GRPCInferenceService/ModelInfer').permission).toBe('infer');
  expect(neededAtGrpc('/inference.GRPCInferenceService/RepositoryModelLoad').permission).toBe('operate');
});
