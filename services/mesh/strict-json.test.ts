import { expect, test } from 'vitest';
import { strictJson } from './strict-json.js';

const read = (text: string) => strictJson(new TextEncoder().encode(text), 'The note', { bytesMax: 200 });

test('ordinary JSON comes through as it is', () => {
  const note = { a: [1, { a: 'x:{"a"', b: null }], 'b"': '\\', c: {} };
  expect(read(JSON.stringify(note))).toEqual(note);
});

test('a key given twice is refused, also when escapes hide it', () => {
  expect(() => read('{"a":1,"a":2}')).toThrow('twice');
  expect(() => read('{"a":1,"\\u0061":2}')).toThrow('twice');
  expect(() => read('[{"a":{"b":1,"c":[],"b":2}}]')).toThrow('twice');
});

test('the same key in two objects is fine', () => {
  expect(read('[{"a":1},{"a":{"a":2}}]')).toEqual([{ a: 1 }, { a: { a: 2 } }]);
});

test('nesting, size, byte order marks and bad UTF-8 are refused', () => {
  expect(() => read('['.repeat(17) + ']'.repeat(17))).toThrow('deeper than 16');
  expect(() => read(JSON.stringify('x'.repeat(200)))).toThrow('the limit is 200');
  expect(() => read('\ufeff{}')).toThrow('not JSON');
  expect(() => strictJson(Uint8Array.of(0x22, 0xff, 0x22), 'The note', { bytesMax: 9 })).toThrow('not JSON');
});
