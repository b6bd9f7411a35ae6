import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import type { Tensor } from '../../../contracts/tensor.js';
import { readRequest, writeResponse } from './infer-messages.js';
import {
  type ModelInferRequest_InferInputTensorSchema,
  ModelInferRequestSchema,
  ModelInferResponseSchema,
} from './proto/open_inference_grpc_pb.js';

const read = (
  inputs: MessageInitShape<typeof ModelInferRequest_InferInputTensorSchema>[],
  rawInputContents: Uint8Array[] = [],
) => readRequest(create(ModelInferRequestSchema, { modelName: 'm', inputs, rawInputContents }));

const TYPED: Tensor[] = [
  { name: 'bool', datatype: 'BOOL', shape: [2], data: Uint8Array.of(1, 0) },
  { name: 'uint8', datatype: 'UINT8', shape: [2], data: Uint8Array.of(0, 255) },
  { name: 'uint32', datatype: 'UINT32', shape: [1], data: Uint32Array.of(2 ** 32 - 1) },
  { name: 'int8', datatype: 'INT8', shape: [2], data: Int8Array.of(-128, 127) },
  { name: 'int16', datatype: 'INT16', shape: [1, 1], data: Int16Array.of(-32_768) },
  { name: 'int32', datatype: 'INT32', shape: [], data: Int32Array.of(-(2 ** 31)) },
  { name: 'int64', datatype: 'INT64', shape: [2], data: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n) },
  { name: 'uint64', datatype: 'UINT64', shape: [1], data: BigUint64Array.of(2n ** 64n - 1n) },
  { name: 'fp32', datatype: 'FP32', shape: [2], data: Float32Array.of(-0, Infinity) },
  { name: 'fp64', datatype: 'FP64', shape: [1], data: Float64Array.of(5e-324) },
  { name: 'bytes', datatype: 'BYTES', shape: [2], data: [Uint8Array.of(255), new Uint8Array()] },
  { name: 'none', datatype: 'FP32', shape: [0, 3], data: new Float32Array() },
];

test('every datatype with contents survives the way out and in again, exactly', () => {
  const sent = toBinary(ModelInferResponseSchema, writeResponse({ modelName: 'm', outputs: TYPED }, false));
  const { outputs } = fromBinary(ModelInferResponseSchema, sent);
  const inputs = outputs.map(({ name, datatype, shape, contents }) => ({
    name,
    datatype,
    shape,
    ...(contents && { contents }),
  }));
  expect(read(inputs).inputs).toEqual(TYPED);
});

test('an output without typed contents makes the whole answer raw', () => {
  const half: Tensor = { name: 'h', datatype: 'FP16', shape: [1], data: Uint16Array.of(0x7e01) };
  const answer = writeResponse({ modelName: 'm', outputs: [...TYPED, half] }, false);
  expect(answer.rawOutputContents).toHaveLength(TYPED.length + 1);
  expect(answer.outputs.every(({ contents }) => contents === undefined)).toBe(true);
});

test.each([
  ['FP16 typed', [{ name: 'x', datatype: 'FP16', shape: [1n], contents: { uintContents: [1] } }], []],
  [
    'a number too wide',
    [{ name: 'x', datatype: 'UINT8', shape: [1n], contents: { uintContents: [256] } }],
    [],
  ],
  ['too few elements', [{ name: 'x', datatype: 'FP32', shape: [2n], contents: { fp32Contents: [1] } }], []],
  [
    'contents of another type',
    [{ name: 'x', datatype: 'FP32', shape: [1n], contents: { intContents: [1] } }],
    [],
  ],
  ['an unknown datatype', [{ name: 'x', datatype: 'FLOAT', shape: [1n] }], []],
  ['a negative dimension', [{ name: 'x', datatype: 'FP32', shape: [-1n] }], []],
  ['an overflowing shape', [{ name: 'x', datatype: 'FP32', shape: [2n ** 32n, 2n ** 32n, 0n] }], []],
  ['raw of the wrong size', [{ name: 'x', datatype: 'FP32', shape: [1n] }], [new Uint8Array(3)]],
  [
    'raw for some inputs only',
    [{ name: 'x', datatype: 'UINT8', shape: [1n] }, { name: 'y' }],
    [new Uint8Array(1)],
  ],
  [
    'raw beside typed',
    [{ name: 'x', datatype: 'UINT8', shape: [1n], contents: { uintContents: [1] } }],
    [new Uint8Array(1)],
  ],
])('%s is the sender’s fault', (_, inputs, raw) => {
  expect(() => read(inputs, raw)).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }));
});

test('a wanted output keeps its name, and how it travels stays a matter of the message', () => {
  const yes = { parameterChoice: { case: 'boolParam' as const, value: false } };
  const request = create(ModelInferRequestSchema, {
    outputs: [{ name: 'y', parameters: { binary_data: yes } }],
    parameters: { binary_data_output: yes },
  });
  expect(readRequest(request)).toMatchObject({
    outputs: [{ name: 'y' }],
    binaryOutput: true,
    parameters: {},
  });
});
