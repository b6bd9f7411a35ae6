import { expect, test } from 'vitest';
import { answerEncoding, bodyEncoding } from './media.js';

test('JSON, octets, what curl -d and fetch say of a string, and no type at all are read', () => {
  for (const type of [
    undefined,
    'application/json',
    'Application/JSON; charset=utf-8',
    'application/octet-stream',
    'application/x-www-form-urlencoded',
    'text/plain;charset=UTF-8',
  ])
    expect(bodyEncoding(type, undefined)).toBe('identity');
});

test('gzip and deflate are read under their usual names', () => {
  expect(bodyEncoding('application/json', 'GZIP')).toBe('gzip');
  expect(bodyEncoding('application/json', 'x-gzip')).toBe('gzip');
  expect(bodyEncoding('application/json', 'deflate')).toBe('deflate');
});

test.each([
  ['text/html', undefined],
  ['multipart/form-data; boundary=x', undefined],
  ['application/json', 'br'],
  ['application/json', 'gzip, gzip'],
])('%s in %s is refused', (type, encoding) => {
  expect(() => bodyEncoding(type, encoding)).toThrow(
    expect.objectContaining({ code: 'UNSUPPORTED_ENCODING' }),
  );
});

test('an answer is compressed only when the caller asks for it', () => {
  expect(answerEncoding(undefined)).toBe('identity');
  expect(answerEncoding('br')).toBe('identity');
  expect(answerEncoding('gzip, deflate, br')).toBe('gzip');
  expect(answerEncoding('gzip;q=0, deflate')).toBe('deflate');
  expect(answerEncoding('*')).toBe('gzip');
  expect(answerEncoding('gzip;q=0')).toBe('identity');
});
