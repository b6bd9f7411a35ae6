import { expect, test } from 'vitest';
import { TIMEOUT_MS_MAX } from '../../../contracts/headers.js';
import { requestHead } from './request-head.js';

const NONE = new Uint8Array();
const body = new Uint8Array(10);

test('a request without headers has no deadline of its own and default priority', () => {
  expect(requestHead({}, body)).toEqual({
    requestId: undefined,
    timeoutMs: undefined,
    user: undefined,
    priority: 0,
    traceparent: undefined,
    jsonLength: undefined,
    sequence: undefined,
    body: undefined,
    takesLarge: undefined,
    uncached: false,
  });
});

test('a deadline that is used up is not run', () => {
  expect(() => requestHead({ timeoutMs: '0' }, NONE)).toThrow(expect.objectContaining({ code: 'DEADLINE' }));
});

test('a deadline beyond the longest one is the longest one', () => {
  expect(requestHead({ timeoutMs: '999999999' }, NONE).timeoutMs).toBe(TIMEOUT_MS_MAX);
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
  expect(() => requestHead(raw, body)).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }));
});

test('a raw request declares a JSON part of no bytes', () => {
  expect(requestHead({ jsonLength: '0' }, body).jsonLength).toBe(0);
});

test('a trace context that does not parse is as if it had not been sent', () => {
  const good = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  expect(requestHead({ traceparent: 'nonsense' }, NONE).traceparent).toBeUndefined();
  expect(requestHead({ traceparent: good }, NONE).traceparent).toBe(good);
});

test('time and priority of the body count where no header says otherwise', () => {
  const sent = Buffer.from('{"parameters":{"timeout":250000,"priority":1,"sequence_id":"s"},"inputs":[]}');
  expect(requestHead({}, sent)).toMatchObject({ timeoutMs: 250, priority: 1, sequence: { id: 's' } });
  expect(requestHead({ timeoutMs: '40', priority: '3' }, sent)).toMatchObject({ timeoutMs: 40, priority: 3 });
});
