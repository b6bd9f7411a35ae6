// The small JSON bodies of control requests at the REST door: absent, or an object of the given shape.
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { failure } from '../../contracts/errors.js';
import { readBody } from './body-reader.js';
import { bodyEncoding } from './media.js';

/** `shown`: how such a body looks, for whoever sent another. */
export async function readJsonRequest<T>(
  request: FastifyRequest,
  schema: z.ZodType<T>,
  shown: string,
  limitBytes = 65_536,
): Promise<T> {
  const body = await readBody(request.raw, {
    encoding: bodyEncoding(request.headers['content-type'], request.headers['content-encoding']),
    limitBytes,
    declaredBytes: undefined,
  });
  try {
    return schema.parse(body.length === 0 ? {} : JSON.parse(body.toString()));
  } catch (error) {
    throw failure('BAD_REQUEST', `This path takes ${shown} or no body.`, {}, error);
  }
}
