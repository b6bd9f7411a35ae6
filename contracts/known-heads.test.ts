// Bodies whose JSON part came before take a shorter way; what comes out must be what the long way gives.
import { expect, test } from 'vitest';
import { Failure } from './errors.js';
import {
  decodeInferRequest,
  decodeInferResponse,
  encodeInferRequest,
  encodeInferResponse,
} from './infer-body.js';
import { ownBytes, space } from './space.js';
import type { Tensor } from './tensor.js';

const floats = (name: string, ...values: number[]): Tensor => ({
  name,
  datatype: 'FP32',
  shape: [1, values.length],
  data: Float32Array.from(values),
});
const texts = (name: string, ...data: string[]): Tensor => ({
  name,
  datatype: 'BYTES',
  shape: [data.length],
  data,
});
const encode = (inputs: Tensor[], more: object = {}) =>
  encodeInferRequest({ parameters: { timeout: 7 }, inputs, binaryOutput: true, ...more });

test('a request that begins like the one before has its own numbers, and the same choice and parameters', () => {
  for (const outputs of [undefined, [{ name: 'y', parameters: { classification: 2 } }]])
    for (const [a, b] of [
      [1, 2],
      [3, 4],
      [5, 6],
    ] as const) {
      const inputs = [floats('x', a, b), floats('state', b), texts('words', `w${a}`)];
      const body = encode(inputs, outputs && { outputs });
      const read = decodeInferRequest(body.bytes, body.jsonLength);
      expect(read.inputs.slice(0, 2)).toEqual(inputs.slice(0, 2));
      expect(new TextDecoder().decode(read.inputs[2]?.data[0] as Uint8Array)).toBe(`w${a}`);
      expect([read.parameters, read.binaryOutput, read.outputs]).toEqual([{ timeout: 7 }, true, outputs]);
    }
});

test('a known beginning does not let in what is too short, too long or no truth value', () => {
  const { bytes, jsonLength } = encode([floats('x', 1, 2)]);
  const truth = encode([{ name: 'x', datatype: 'BOOL', shape: [2], data: Uint8Array.of(0, 1) }]);
  for (let again = 0; again < 2; again++) {
    decodeInferRequest(bytes, jsonLength);
    for (const wrong of [bytes.subarray(0, -1), Uint8Array.from([...bytes, 0])])
      expect(() => decodeInferRequest(wrong, jsonLength)).toThrow(Failure);
    decodeInferRequest(truth.bytes, truth.jsonLength);
    const two = Uint8Array.from(truth.bytes).fill(2, truth.jsonLength);
    expect(() => decodeInferRequest(two, truth.jsonLength)).toThrow(/BOOL/);
  }
});

test('an answer like the one before has its own numbers; one of another shape, name or id its own beginning', () => {
  const answers = [
    [floats('y', 1, 2)],
    [floats('y', 3, 4)],
    [floats('y', 5)],
    [floats('z', 5)],
    [{ ...floats('y', 1, 2), shape: [2, 1] }],
    [floats('y', 1, 2), floats('z', 3)],
    [texts('y', 'longer')],
    [texts('y', 'word')],
    [floats('y', 1, 2)],
  ];
  for (const id of [undefined, 'r1', 'r2'])
    for (const modelVersion of ['1', '2'])
      for (const outputs of answers) {
        const response = { modelName: 'm', modelVersion, outputs, ...(id !== undefined && { id }) };
        const body = encodeInferResponse(response, { binaryOutput: true });
        const read = decodeInferResponse(body.bytes, body.jsonLength);
        const words = read.outputs.map(({ data, ...rest }) => ({
          ...rest,
          data: Array.isArray(data)
            ? data.map((one) => (typeof one === 'string' ? one : new TextDecoder().decode(one)))
            : data,
        }));
        expect({ ...read, outputs: words }).toEqual(response);
      }
});

test('pieces of one slab are aligned and nobody else writes into them', () => {
  const pieces = Array.from({ length: 2_000 }, (_, i) => space(i % 37).fill(i % 251));
  for (const [i, piece] of pieces.entries()) {
    expect(piece.byteOffset % 8).toBe(0);
    expect(piece.every((byte) => byte === i % 251)).toBe(true);
  }
  expect(ownBytes(space(10)).buffer.byteLength).toBe(10);
  expect(space(1_000_000).buffer.byteLength).toBe(1_000_000);
});
