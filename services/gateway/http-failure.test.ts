import { expect, test } from 'vitest';
import { ERRORS, failure } from '../../contracts/errors.js';
import { failureOf, httpAnswer, noSuchRoute } from './http-failure.js';

const at = (method: string, url: string) => ({ method, url });

test('every code has its status of the table, and its body says code and retryable', () => {
  for (const code of Object.keys(ERRORS) as (keyof typeof ERRORS)[]) {
    const answer = httpAnswer(failure(code, 'It did not work.'));
    expect(answer.status).toBe(ERRORS[code].http);
    expect(answer.body).toEqual({
      error: `It did not work. ${ERRORS[code].fix}`,
      code,
      retryable: ERRORS[code].retryable,
    });
  }
});

test('429 and 503 say after how many whole seconds to come again', () => {
  expect(httpAnswer(failure('RATE_LIMITED', '')).headers['Retry-After']).toBe('1');
  expect(httpAnswer(failure('NOT_READY', '')).headers['Retry-After']).toBe('1');
  expect(httpAnswer(failure('DEADLINE', '')).headers['Retry-After']).toBeUndefined();
});

test.each([
  ['GET', '/v2/models/m/infer', 'POST'],
  ['DELETE', '/v2/models/m/versions/1.0/infer?x=1', 'POST'],
  ['POST', '/v2/models/a%2Eb', 'GET, HEAD'],
  ['PUT', '/v2', 'GET, HEAD'],
  ['POST', '/v2/health/live', 'GET, HEAD'],
  ['GET', '/v2/repository/index', 'POST'],
  ['POST', '/metrics', 'GET, HEAD'],
  ['PUT', '/v2/train/jobs', 'GET, HEAD, POST'],
  ['GET', '/v2/train/jobs/abcdefgh/cancel', 'POST'],
])('%s %s is answered with the verbs that the path takes', (method, url, allow) => {
  const reason = noSuchRoute(at(method, url));
  expect(reason.code).toBe('METHOD_NOT_ALLOWED');
  expect(httpAnswer(reason).headers['Allow']).toBe(allow);
});

test.each(['/', '/v3', '/v2/models/m/unknown', '/v2/models//infer', '/v2/models/m/versions', '/v2/health'])(
  '%s is no path of ours',
  (url) => {
    expect(noSuchRoute(at('GET', url)).code).toBe('NOT_FOUND');
  },
);

test('errors of the HTTP framework get codes of ours', () => {
  const thrown = (statusCode: number, code = 'FST') =>
    failureOf(Object.assign(new Error('x'), { statusCode, code }), at('GET', '/nowhere')).code;
  expect(thrown(400, 'FST_ERR_BAD_URL')).toBe('BAD_REQUEST');
  expect(thrown(414)).toBe('BAD_REQUEST');
  expect(thrown(413)).toBe('TOO_LARGE');
  expect(thrown(415)).toBe('UNSUPPORTED_ENCODING');
  expect(thrown(404)).toBe('NOT_FOUND');
  expect(thrown(500)).toBe('INTERNAL');
  expect(failureOf('a string', at('GET', '/')).code).toBe('INTERNAL');
  expect(failureOf(failure('CONFLICT', ''), at('GET', '/')).code).toBe('CONFLICT');
});
