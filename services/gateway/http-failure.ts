// Every error of the REST door as a coded failure, and a failure as an HTTP answer. Nest and Fastify throw errors of their own
// (no such route, malformed address, body of a strange type); callers get the same shape for those as for ours.
import { failure, Failure, toFailure } from '../../contracts/errors.js';
import { headers } from '../../contracts/headers.js';
import { verbsOf } from './verbs.js';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ReturnType<Failure['toBody']>;
}

export interface Asked {
  readonly method: string;
  readonly url: string;
}

export function httpAnswer(reason: Failure): HttpAnswer {
  const { retryAfterS, retryAfterMs } = reason;
  const allow = reason.fields['allow'];
  return {
    status: reason.http,
    headers: {
      [headers.errorCode]: reason.code,
      ...(retryAfterS === undefined ? {} : { [headers.retryAfter]: String(retryAfterS) }),
      ...(retryAfterMs === undefined ? {} : { [headers.retryAfterMs]: String(retryAfterMs) }),
      ...(typeof allow === 'string' ? { Allow: allow } : {}),
    },
    body: reason.toBody(),
  };
}

export function failureOf(error: unknown, asked: Asked): Failure {
  if (error instanceof Failure) return error;
  const { status, code } = statusOf(error);
  const message = error instanceof Error ? error.message : String(error);
  if (status === 404) return noSuchRoute(asked);
  if (status === 413) return failure('TOO_LARGE', `${message}.`, {}, error);
  if (status === 415) return failure('UNSUPPORTED_ENCODING', `${message}.`, {}, error);
  if (status === 414 || code === 'FST_ERR_BAD_URL')
    return failure('BAD_REQUEST', 'The address is malformed or longer than any name of ours.', {}, error);
  if (status !== undefined && status >= 400 && status < 500)
    return failure('BAD_REQUEST', `${message}.`, {}, error);
  return toFailure(error);
}

/** The path exists under another verb: 405 and the verbs it has; else 404. */
export function noSuchRoute(asked: Asked): Failure {
  const path = asked.url.split(/[?#]/, 1)[0] ?? '';
  const shown = path.slice(0, 200).replace(/[^\x20-\x7e]/g, '?');
  const verbs = verbsOf(path);
  if (verbs === undefined) return failure('NOT_FOUND', `There is nothing at ${shown}.`);
  const allow = verbs.join(', ');
  return failure('METHOD_NOT_ALLOWED', `${shown} takes ${allow}, not ${asked.method.slice(0, 20)}.`, {
    allow,
  });
}

/** Nest's exceptions say getStatus(), Fastify's errors carry statusCode. */
function statusOf(error: unknown): { status: number | undefined; code: string | undefined } {
  if (typeof error !== 'object' || error === null) return { status: undefined, code: undefined };
  const status =
    'getStatus' in error && typeof error.getStatus === 'function'
      ? (error.getStatus as () => unknown)()
      : 'statusCode' in error
        ? error.statusCode
        : undefined;
  return {
    status: typeof status === 'number' ? status : undefined,
    code: 'code' in error && typeof error.code === 'string' ? error.code : undefined,
  };
}
