import { expect, test } from 'vitest';
import { JobTerms } from '../../contracts/job-terms.js';
import { termsOf } from './job-tenant.js';

test('a job over REST is of the tenant of its key, whatever the body says, and keeps what else it asks', () => {
  const asked = JobTerms.parse({ tenant: 'somebody', priority: 9 });
  expect(termsOf({ headers: { 'massif-tenant': 'acme' } }, asked).terms).toMatchObject({
    tenant: 'acme',
    priority: 9,
  });
  expect(termsOf({ headers: {} }, asked)).toEqual({ terms: asked });
  expect(termsOf({ headers: {} }, undefined)).toEqual({});
  expect(() => termsOf({ headers: { 'massif-tenant': 'a b' } }, undefined)).toThrow('Massif-Tenant');
});
