import { expect, test } from 'vitest';
import { PARAMETERS_BYTES_MAX, peekBodyParameters, readBodyParameters } from './body-parameters.js';
import { encodeInferRequest } from './infer-body.js';

const peek = (text: string) => peekBodyParameters(new TextEncoder().encode(text), undefined);
const withParameters = (parameters: string) =>
  peek(`{"id":"a","parameters":${parameters},"inputs":[{"name":"x","data":[1,2]}]}`);
const refused = expect.objectContaining({ code: 'BAD_REQUEST' }) as Error;

test('a body without such parameters says nothing', () => {
  expect(peek('{"inputs":[{"name":"x","shape":[2],"datatype":"FP32","data":[0.25,1]}]}')).toEqual({});
  expect(withParameters('{"binary_data_output":true}')).toEqual({});
  expect(peekBodyParameters(new Uint8Array(), undefined)).toEqual({});
  expect(peekBodyParameters(new Uint8Array(4), 0)).toEqual({});
});

test('sequence, priority and time are read, the time from microseconds', () => {
  expect(
    withParameters('{"sequence_id":7,"sequence_start":true,"priority":1,"timeout":2500000,"other":[1]}'),
  ).toEqual({ sequence: { id: '7', start: true, end: false }, priority: 1, timeoutMs: 2_500 });
});

test('they are found wherever they stand in the body and however it is written', () => {
  const inputs = '"inputs":[{"name":"a \\"parameters\\": {","data":["}]\\\\",[[1],[2]]]}]';
  for (const padding of ['', ' ', '  \n\t', ' '.repeat(9)])
    for (let fill = 0; fill < 20; fill++) {
      const text = `${padding}{${padding}"id":"${'x'.repeat(fill)}",${inputs}${padding},"parameters"${padding}:${padding}{"sequence_end"${padding}:true,"sequence_id":"s"}${padding}}`;
      expect(peek(text), text).toEqual({ sequence: { id: 's', start: false, end: true } });
    }
});

test('only the parameters of the request count, not those of a tensor and no text that looks like them', () => {
  expect(peek('{"inputs":[{"name":"x","parameters":{"timeout":5,"priority":1}}]}')).toEqual({});
  expect(peek('{"id":"\\"priority\\":1","x":{"parameters":{"priority":1}}}')).toEqual({});
});

test('of parameters that come twice the last are meant, as in JSON.parse', () => {
  expect(peek('{"parameters":{"priority":1},"parameters":{"priority":2}}')).toEqual({ priority: 2 });
});

test('a sequence may have any 64-bit number or a text; 0 and the empty text are none', () => {
  const id = (text: string) => withParameters(`{"sequence_id":${text}}`).sequence?.id;
  expect(id('18446744073709551615')).toBe('18446744073709551615');
  expect(id('9007199254740993')).toBe('9007199254740993');
  expect(id('"user é"')).toBe('user é');
  for (const none of ['0', '""', 'null']) expect(id(none)).toBeUndefined();
});

test.each([
  '{"sequence_id":-1}',
  '{"sequence_id":1.5}',
  '{"sequence_id":18446744073709551616}',
  '{"sequence_id":true}',
  `{"sequence_id":"${'x'.repeat(129)}"}`,
  '{"sequence_id":1,"sequence_start":1}',
  '{"sequence_start":true}',
  '{"sequence_id":0,"sequence_end":true}',
  '{"priority":-1}',
  '{"priority":"high"}',
  '{"priority":1000}',
  '{"timeout":-5}',
  '{"timeout":1e30}',
  '{"timeout":"1"}',
  `["timeout",{"timeout":1}]`,
  `{"timeout":1,"x":"${'x'.repeat(PARAMETERS_BYTES_MAX)}"}`,
])('%.60s is refused', (parameters) => {
  expect(() => withParameters(parameters)).toThrow(refused);
});

test('a time of 0 is none, and a long one is the longest', () => {
  expect(withParameters('{"timeout":0}')).toEqual({});
  expect(withParameters('{"timeout":18446744073709551615}').timeoutMs).toBe(600_000);
});

test('what is no JSON object says nothing: whoever decodes it says why', () => {
  for (const text of [
    '{"priority"',
    '["priority"]',
    '{"parameters" "priority"}',
    '{"priority":1',
    '"priority"',
  ])
    expect(peek(text), text).toEqual({});
});

test('in a binary body only the JSON part is looked at', () => {
  const blob = new TextEncoder().encode('{"parameters":{"priority":1}}  ');
  const { bytes, jsonLength } = encodeInferRequest({
    parameters: { sequence_id: 3 },
    inputs: [{ name: 'x', datatype: 'UINT8', shape: [blob.length], data: blob }],
    binaryOutput: true,
  });
  expect(peekBodyParameters(bytes, jsonLength)).toEqual({ sequence: { id: '3', start: false, end: false } });
});

test('parameters that are read already say the same', () => {
  expect(readBodyParameters({ priority: 2, timeout: 1_000, triton_x: 'y' })).toEqual({
    priority: 2,
    timeoutMs: 1,
  });
});
