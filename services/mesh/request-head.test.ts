import { expect, test } from 'vitest';
import { TIMEOUT_MS_MAX } from '../../contracts/headers.js';
import { requestHead } from './request-head.js';

test('a request without headers has no deadline of its own and default priority', () => {
  expect(requestHead({}, 10)).toEqual({
    requestId: undefined,
    timeoutMs: undefined,
    user: undefined,
    priority: 0,
    traceparent: undefined,
    jsonLength: undefined,
  });
});

test('a deadline that is used up is not run', () => {
  expect(() => requestHead({ timeoutMs: '0' }, 0)).toThrow(expect.objectContaining({ code: 'DEADLINE' }));
});

test('a deadline beyond the longest one is the longest one', () => {
  expect(requestHead({ timeoutMs: '999999999' }, 0).timeoutMs).toBe(TIMEOUT_MS_MAX);
});

test.each([
  { timeoutMs: '-1' },
  { timeoutMs: '1e3' },
  { timeoutMs: '1.5' },
  { jsonLength: '+5' },
  { jsonLength: '0x5' },
  { jsonLength: '11' },
  { requestId: 'a b' },
  { requestId: 'x'.repeat(129) },
  { user: 'u'.repeat(257) },
  { priority: 'high' },
])('%o is refused with the name of the header', (raw) => {
  expect(() => requestHead(raw, 10)).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }));
});

test('a raw request declares a JSON part of no bytes', () => {
  expect(requestHead({ jsonLength: '0' }, 10).jsonLength).toBe(0);
});

test('a trace context that does not parse is as if it had not been sent', () => {
  const good = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  expect(requestHead({ traceparent: 'nonsense' }, 0).traceparent).toBeUndefined();
  expect(requestHead({ traceparent: good }, 0).traceparent).toBe(good);
});
