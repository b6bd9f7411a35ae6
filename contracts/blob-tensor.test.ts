import { expect, test } from 'vitest';
import { BlobTensor, lengthOf } from './blob-tensor.js';
import { decodeInferRequest, encodeInferRequest } from './infer-body.js';
import type { Tensor } from './tensor.js';

const inputs: Tensor[] = [
  { name: 'x', datatype: 'FP32', shape: [1, 3], data: Float32Array.of(1, -2, 3.5) },
  { name: 'n', datatype: 'INT64', shape: [2], data: BigInt64Array.of(-1n, 7n) },
  { name: 'b', datatype: 'BOOL', shape: [3], data: Uint8Array.of(0, 1, 1) },
  { name: 't', datatype: 'BYTES', shape: [1], data: ['word'] },
];

test('wherever a body lies, its tensors say their length before their numbers, and have the numbers when asked', () => {
  const { bytes, jsonLength } = encodeInferRequest({ parameters: {}, inputs, binaryOutput: true });
  for (let at = 0; at < 9; at++) {
    const memory = new Uint8Array(at + bytes.length);
    memory.set(bytes, at);
    const read = decodeInferRequest(memory.subarray(at), jsonLength, undefined, { asBlobs: true }).inputs;
    expect(read.map(lengthOf)).toEqual([3, 2, 3, 1]);
    expect(read.map(({ name, datatype, shape }) => [name, datatype, shape])).toEqual(
      inputs.map(({ name, datatype, shape }) => [name, datatype, shape]),
    );
    for (const i of [0, 1, 2]) expect(read[i]?.data).toEqual(inputs[i]?.data);
    expect(new TextDecoder().decode(read[3]?.data[0] as Uint8Array)).toBe('word');
    // The first of its kind is read the long way.
    if (at > 0) expect(read.map((one) => one instanceof BlobTensor)).toEqual([true, true, false, false]);
  }
});
