import { expect, test } from 'vitest';
import { classify, readClassCount, readLabels } from './classification.js';
import { decodeInferRequest, decodeInferResponse, encodeInferResponse } from './infer-body.js';
import type { Tensor } from './tensor.js';

const fp32 = (shape: number[], ...values: number[]): Tensor => ({
  name: 'y',
  datatype: 'FP32',
  shape,
  data: Float32Array.from(values),
});

test('the best classes of each row come highest first, of equals the first', () => {
  const { datatype, shape, data } = classify(fp32([2, 3], 0.25, 0.5, 0.25, 1, NaN, -1), 2);
  expect({ datatype, shape }).toEqual({ datatype: 'BYTES', shape: [2, 2] });
  expect(data).toEqual(['0.500000:1', '0.250000:0', '1.000000:0', '-1.000000:2']);
});

test('few classes are picked as sorting all of them would, among many equals too', () => {
  const values = Array.from({ length: 300 }, (_, i) => (i % 7 === 3 ? NaN : ((i * 37) % 50) - 20));
  const all = classify(fp32([1, 300], ...values), 300).data as string[];
  for (const count of [1, 3, 64])
    expect(classify(fp32([1, 300], ...values), count).data).toEqual(all.slice(0, count));
});

test('labels are named where there are any, and no more classes come than there are', () => {
  expect(classify(fp32([1, 2], 0, 1), 9, ['cat']).data).toEqual(['1.000000:1', '0.000000:0:cat']);
  expect(readLabels('cat\r\ndog\n')).toEqual(['cat', 'dog']);
});

test('one dimension is one row, and an empty batch has none', () => {
  expect(classify(fp32([3], 1, 3, 2), 1)).toMatchObject({ shape: [1], data: ['3.000000:1'] });
  expect(classify(fp32([0, 3]), 2)).toMatchObject({ shape: [0, 0], data: [] });
});

test('64-bit integers are compared and written exactly', () => {
  const tensor: Tensor = {
    name: 'y',
    datatype: 'INT64',
    shape: [1, 3],
    data: BigInt64Array.of(2n ** 62n, 2n ** 62n + 1n, -1n),
  };
  expect(classify(tensor, 2).data).toEqual(['4611686018427387905:1', '4611686018427387904:0']);
});

test('what cannot be compared is refused, and so is a count that is none', () => {
  const refused = expect.objectContaining({ code: 'BAD_REQUEST' }) as Error;
  const texts: Tensor = { name: 'y', datatype: 'BYTES', shape: [1], data: ['a'] };
  expect(() => classify(texts, 1)).toThrow(refused);
  for (const count of [-1, 1.5, '2', true]) expect(() => readClassCount('y', count)).toThrow(refused);
  expect(readClassCount('y', 0)).toBeUndefined();
});

test('an answer gives classes for the outputs that are wanted so, as JSON or binary', () => {
  const body = (binary: boolean) =>
    Buffer.from(
      `{"inputs":[],"outputs":[{"name":"y","parameters":{"classification":1,"binary_data":${binary}}},{"name":"z"}]}`,
    );
  const outputs = [fp32([1, 2], 1, 2), { ...fp32([1], 7), name: 'z' }];
  for (const binary of [true, false]) {
    const request = decodeInferRequest(body(binary), undefined);
    const answer = encodeInferResponse({ modelName: 'm', outputs }, request, ['a', 'b']);
    const [y, z] = decodeInferResponse(answer.bytes, answer.jsonLength).outputs;
    expect(y).toMatchObject({ datatype: 'BYTES', shape: [1, 1] });
    expect(Buffer.from(((y?.data ?? []) as (string | Uint8Array)[])[0] ?? '').toString()).toBe(
      '2.000000:1:b',
    );
    expect(z).toMatchObject({ datatype: 'FP32' });
  }
});
