// Whose a job is that comes over REST: the tenant of the request, which is that of its key, whatever the body says. The controllers of jobs ask.
import type { FastifyRequest } from 'fastify';
import { failure } from '../../contracts/errors.js';
import { headers } from '../../contracts/headers.js';
import { JobTerms } from '../../contracts/job-terms.js';

export function termsOf(
  request: Pick<FastifyRequest, 'headers'>,
  asked: JobTerms | undefined,
): { terms?: JobTerms } {
  const tenant = request.headers[headers.tenant.toLowerCase()];
  if (tenant === undefined) return asked ? { terms: asked } : {};
  const terms = JobTerms.safeParse({ ...asked, tenant });
  if (terms.success) return { terms: terms.data };
  throw failure('BAD_REQUEST', `${headers.tenant} ${terms.error.issues[0]?.message}.`, {}, terms.error);
}
