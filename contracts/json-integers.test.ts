import { expect, test } from 'vitest';
import { Failure } from './errors.js';
import { type Json, parseJson } from './json-integers.js';

const parse = (text: string): Json => parseJson(new TextEncoder().encode(text));
const refusal = (text: string): string => {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof Failure && error.code === 'BAD_REQUEST') return error.message;
    throw error;
  }
  throw new Error('it was accepted');
};

test('integers beyond 2^53 - 1 stay exact, shorter ones are numbers', () => {
  expect(parse('[9223372036854775807, -9223372036854775808, 18446744073709551615]')).toEqual([
    9223372036854775807n,
    -9223372036854775808n,
    18446744073709551615n,
  ]);
  expect(parse('[9007199254740991, 9007199254740992]')).toEqual([9007199254740991, 9007199254740992n]);
});

test('beside a long integer everything else is what JSON.parse makes of it', () => {
  const text =
    '{ "a" : [1, -0, 2.5e3, 0.12345678901234567, true, false, null, "x\\n\\u00e9\\"\\\\ü", {}, [ ]],\t"":{"__proto__":1} }';
  const { long, ...rest } = parse(`{"long":12345678901234567890,${text.slice(1)}`) as Record<string, Json>;
  expect(long).toBe(12345678901234567890n);
  expect(JSON.stringify(rest)).toBe(JSON.stringify(JSON.parse(text)));
  expect(Object.is((rest['a'] as Json[])[1], -0)).toBe(true);
});

test('digits inside texts and fractions are no long integers', () => {
  expect(parse('{"a":"12345678901234567890","b":0.1234567890123456789}')).toEqual({
    a: '12345678901234567890',
    b: Number('0.1234567890123456789'),
  });
});

test('what JSON.parse refuses is refused beside a long integer too', () => {
  for (const broken of [
    '',
    '[',
    '[1,]',
    '{"a"}',
    '{"a":}',
    '{a:1}',
    '[01]',
    '[1 2]',
    '["\n"]',
    '["\\x"]',
    '[+1]',
    '[-]',
    '[.5]',
    '[1.]',
    'nul',
    '[1]]',
    '"a',
  ]) {
    expect(() => JSON.parse(broken), broken).toThrow();
    expect(refusal(broken)).toMatch(/^The body is not JSON/);
    expect(refusal(`[12345678901234567890,${broken}]`)).toMatch(/^The body is not JSON/);
  }
});

test('nesting ends at 100 levels, in brackets of texts nothing is counted', () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
  expect(() => parse(nested(100))).not.toThrow();
  expect(refusal(nested(101))).toMatch(/deeper than 100/);
  expect(refusal('['.repeat(1_000_000))).toMatch(/deeper than 100/);
  expect(parse(JSON.stringify('\\"['.repeat(200)))).toHaveLength(600);
});

test('bytes that are no UTF-8 are refused, not changed', () => {
  expect(() => parseJson(Uint8Array.of(0x22, 0xff, 0x22))).toThrow(/not UTF-8/);
});
