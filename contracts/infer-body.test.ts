import { expect, test } from 'vitest';
import { Failure } from './errors.js';
import {
  type Body,
  checkInputs,
  checkOutputs,
  decodeInferRequest,
  decodeInferResponse,
  encodeInferRequest,
  encodeInferResponse,
  type InferRequest,
  readJsonLength,
} from './infer-body.js';
import type { Tensor } from './tensor.js';
import type { Datatype, TensorSpec } from './tensor-spec.js';

const utf8 = new TextEncoder();
const everyType: Tensor[] = [
  { name: 'bool', datatype: 'BOOL', shape: [3], data: Uint8Array.of(1, 0, 1) },
  { name: 'u8', datatype: 'UINT8', shape: [2], data: Uint8Array.of(0, 255) },
  { name: 'u16', datatype: 'UINT16', shape: [2], data: Uint16Array.of(0, 65_535) },
  { name: 'u32', datatype: 'UINT32', shape: [2, 2], data: Uint32Array.of(0, 1, 2, 4_294_967_295) },
  { name: 'u64', datatype: 'UINT64', shape: [2], data: BigUint64Array.of(0n, 18446744073709551615n) },
  { name: 'i8', datatype: 'INT8', shape: [2], data: Int8Array.of(-128, 127) },
  { name: 'i16', datatype: 'INT16', shape: [2], data: Int16Array.of(-32_768, 32_767) },
  { name: 'i32', datatype: 'INT32', shape: [2], data: Int32Array.of(-2_147_483_648, 2_147_483_647) },
  {
    name: 'i64',
    datatype: 'INT64',
    shape: [3],
    data: BigInt64Array.of(-9223372036854775808n, 9007199254740993n, 9223372036854775807n),
  },
  { name: 'f32', datatype: 'FP32', shape: [1, 3], data: Float32Array.of(0.1, -0, 3.4028234663852886e38) },
  { name: 'f64', datatype: 'FP64', shape: [3, 1], data: Float64Array.of(Number.MIN_VALUE, 0.1, 1e21) },
  { name: 'onnx::"odd" näme\n', datatype: 'FP64', shape: [], data: Float64Array.of(7) },
  { name: 'text', datatype: 'BYTES', shape: [3], data: ['', 'ä€😀', '"\\\u0000'] },
  { name: 'none', datatype: 'FP32', shape: [0, 3], data: new Float32Array(0) },
  { name: 'nothing', datatype: 'BYTES', shape: [3, 0], data: [] },
];
const bits: Tensor[] = [
  { name: 'f16', datatype: 'FP16', shape: [3], data: Uint16Array.of(0x3c00, 0x7e01, 0xffff) },
  { name: 'bf16', datatype: 'BF16', shape: [2], data: Uint16Array.of(0x3f80, 0x7fc1) },
  {
    name: 'odd bytes',
    datatype: 'BYTES',
    shape: [2],
    data: [Uint8Array.of(0xff, 0xfe, 0), new Uint8Array(0)],
  },
];
const asText = (tensor: Tensor): Tensor =>
  tensor.datatype === 'BYTES'
    ? {
        ...tensor,
        data: (tensor.data as (string | Uint8Array)[]).map((e) =>
          typeof e === 'string' ? e : new TextDecoder().decode(e),
        ),
      }
    : tensor;
const request = (inputs: Tensor[]): InferRequest => ({ parameters: {}, inputs, binaryOutput: false });

/** A body written by hand: the JSON part, then blobs. */
const body = (json: unknown, ...blobs: ArrayLike<number>[]): Body => {
  const head = utf8.encode(typeof json === 'string' ? json : JSON.stringify(json));
  const bytes = Uint8Array.from([...head, ...blobs.flatMap((blob) => Array.from(blob))]);
  return { bytes, jsonLength: blobs.length > 0 ? head.length : undefined };
};
const one = (shape: unknown, datatype: string, data: unknown) =>
  body({ inputs: [{ name: 'x', shape, datatype, data }] });
const blob = (shape: unknown, datatype: string, size: unknown, bytes: ArrayLike<number>) =>
  body({ inputs: [{ name: 'x', shape, datatype, parameters: { binary_data_size: size } }] }, bytes);
const decode = ({ bytes, jsonLength }: Body, specs?: TensorSpec[]) =>
  decodeInferRequest(bytes, jsonLength, specs);
const dataOf = (wire: Body) => decode(wire).inputs[0]?.data;
const spec = (name: string, datatype: Datatype, shape: number[]): TensorSpec => ({
  name,
  datatype,
  shape,
  dims: shape.map(() => ''),
});
function refused(wire: () => unknown, code = 'BAD_REQUEST'): string {
  try {
    wire();
  } catch (error) {
    if (error instanceof Failure && error.code === code) return error.message;
    throw error;
  }
  throw new Error('it was accepted');
}

test('every datatype comes back exactly, as JSON and as binary data', () => {
  const json = encodeInferRequest(request(everyType), { binary: false });
  expect(json.jsonLength).toBeUndefined();
  expect(decode(json).inputs).toEqual(everyType);
  expect(Object.is(decode(json).inputs[9]?.data[1], -0)).toBe(true);

  const binary = encodeInferRequest(request([...everyType, ...bits]));
  expect(binary.jsonLength).toBeGreaterThan(0);
  const back = decode(binary).inputs;
  expect(back.map(asText).slice(0, everyType.length)).toEqual(everyType);
  expect(back.slice(everyType.length)).toEqual(bits);
});

test('blobs are little-endian, row-major, unpadded; a BYTES element has its length before it', () => {
  expect(dataOf(blob([2], 'INT32', 8, [1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]))).toEqual(Int32Array.of(1, -1));
  expect(dataOf(blob([2], 'FP16', 4, [0x00, 0x3c, 0x01, 0x7e]))).toEqual(Uint16Array.of(0x3c00, 0x7e01));
  expect(dataOf(blob([2], 'BYTES', 11, [3, 0, 0, 0, 97, 98, 99, 0, 0, 0, 0]))).toEqual([
    Uint8Array.of(97, 98, 99),
    new Uint8Array(0),
  ]);
});

test('a blob may begin at any byte of its buffer', () => {
  const tensor = {
    name: 'x',
    datatype: 'FP64',
    shape: [2],
    data: Float64Array.of(Math.PI, -1e-300),
  } as const;
  for (let shift = 0; shift < 8; shift++) {
    const head = `${' '.repeat(shift)}{"inputs":[{"name":"x","shape":[2],"datatype":"FP64","parameters":{"binary_data_size":16}}]}`;
    const wire = body(head, new Uint8Array(tensor.data.buffer));
    expect(dataOf(wire), `JSON length mod 8 = ${wire.jsonLength! % 8}`).toEqual(tensor.data);
    const slice = new Uint8Array(wire.bytes.length + 16).subarray(shift, shift + wire.bytes.length);
    slice.set(wire.bytes);
    expect(dataOf({ ...wire, bytes: slice })).toEqual(tensor.data);
  }
});

test('what is read does not hang on the buffer that it came in', () => {
  for (const copied of [(bytes: Uint8Array) => Buffer.from(bytes), (bytes: Uint8Array) => bytes.slice()]) {
    const wire = blob([2], 'FP32', 8, new Uint8Array(Float32Array.of(1, 2).buffer));
    const shifted = copied(Uint8Array.from([...wire.bytes, ...wire.bytes])).subarray(wire.bytes.length);
    for (let again = 0; again < 2; again++) {
      expect(decodeInferRequest(shifted, wire.jsonLength).inputs[0]?.data).toEqual(Float32Array.of(1, 2));
    }
    shifted.fill(0x20, 0, wire.jsonLength); // the next message lands there
    refused(() => decodeInferRequest(shifted, wire.jsonLength));
    expect(decode(wire).inputs[0]?.data).toEqual(Float32Array.of(1, 2));
  }
});

test('where a blob is aligned its numbers are not copied', () => {
  const wire = encodeInferRequest(
    request([{ name: 'x', datatype: 'UINT8', shape: [4], data: Uint8Array.of(1, 2, 3, 4) }]),
  );
  expect((dataOf(wire) as Uint8Array).buffer).toBe(wire.bytes.buffer);
});

test('tensors as JSON and as binary data may be mixed', () => {
  const wire = body(
    {
      inputs: [
        { name: 'a', shape: [1], datatype: 'UINT8', parameters: { binary_data_size: 1 } },
        { name: 'b', shape: [2], datatype: 'UINT8', data: [1, 2] },
        { name: 'c', shape: [2], datatype: 'UINT8', parameters: { binary_data_size: 2 } },
      ],
    },
    [9, 8, 7],
  );
  expect(decode(wire).inputs.map(({ data }) => Array.from(data as Uint8Array))).toEqual([
    [9],
    [1, 2],
    [8, 7],
  ]);
});

test('nested rows are the same as one flat row, and must be nested as the shape says', () => {
  const flat = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  expect(dataOf(one([2, 2, 2], 'FP32', [1, 2, 3, 4, 5, 6, 7, 8]))).toEqual(flat);
  expect(dataOf(one([2, 2, 2], 'FP32', [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]))).toEqual(flat); // prettier-ignore
  expect(dataOf(one([], 'FP32', 5))).toEqual(Float32Array.of(5));
  expect(dataOf(one([3, 0], 'FP32', [[], [], []]))).toEqual(new Float32Array(0));
  expect(dataOf(one([0, 3], 'FP32', []))).toEqual(new Float32Array(0));
  for (const data of [
    [[1, 2], [3]],
    [[1, 2, 3], [4]],
    [[1], [2], [3], [4]],
    [[1, 2], 3, 4],
    [
      [[1], [2]],
      [[3], [4]],
    ],
  ]) {
    expect(refused(() => decode(one([2, 2], 'FP32', data)))).toMatch(/tensor "x"/);
  }
});

test('no element is coerced', () => {
  const wrong: [string, unknown][] = [
    ['FP32', '1'], ['FP32', null], ['FP32', true], ['FP32', 1e300], ['FP64', {}], ['BOOL', 1], ['BOOL', 'true'], ['UINT8', 300],
    ['UINT8', -1], ['UINT8', 1.5], ['INT8', 128], ['INT16', 32768], ['UINT16', 65536], ['INT32', 2147483648], ['UINT32', -1],
    ['INT64', 1.5], ['INT64', 1e19], ['INT64', '1'], ['UINT64', -1], ['BYTES', 1],
  ]; // prettier-ignore
  for (const [datatype, value] of wrong) {
    expect(
      refused(() =>
        decode(one([2], datatype, [datatype === 'BOOL' ? true : datatype === 'BYTES' ? 'a' : 1, value])),
      ),
      `${datatype} ${String(value)}`,
    ).toMatch(/wrong at element 1/);
  }
  const raw = (datatype: string, text: string) =>
    body(`{"inputs":[{"name":"x","shape":[1],"datatype":"${datatype}","data":[${text}]}]}`);
  for (const text of ['9223372036854775808', '-9223372036854775809'])
    refused(() => decode(raw('INT64', text)));
  for (const text of ['18446744073709551616', '-1']) refused(() => decode(raw('UINT64', text)));
  refused(() => decode(raw('FP64', '1e999')));
  expect(dataOf(raw('FP32', '123456789012345680000000'))).toEqual(
    Float32Array.of(Number('1.2345678901234568e23')),
  );
});

test('FP16 and BF16 do not travel as JSON', () => {
  for (const datatype of ['FP16', 'BF16'])
    expect(refused(() => decode(one([1], datatype, [1])))).toMatch(/binary/);
  refused(() => encodeInferRequest(request(bits.slice(0, 1)), { binary: false }));
});

test('a blob has exactly the bytes that shape and datatype take', () => {
  for (const size of [0, 7, 9, 12]) {
    expect(refused(() => decode(blob([2], 'FP32', size, new Uint8Array(size))))).toMatch(
      /2 elements of FP32 take 8/,
    );
  }
  expect(refused(() => decode(blob([2], 'FP32', 8, new Uint8Array(7))))).toMatch(/7 bytes left/);
  expect(refused(() => decode(blob([2], 'FP32', 8, new Uint8Array(9))))).toMatch(/1 bytes more/);
  expect(refused(() => decode(blob([2], 'BOOL', 2, [1, 2])))).toMatch(/0 or 1/);
  for (const size of [-1, 1.5, '8', null, 2 ** 60, true])
    refused(() => decode(blob([2], 'FP32', size, new Uint8Array(8))));
  for (const bytes of [[], [1, 0, 0], [5, 0, 0, 0, 1], [0xff, 0xff, 0xff, 0xff], [0, 0, 0, 0, 0]]) {
    refused(() => decode(blob([1], 'BYTES', bytes.length, bytes)));
  }
});

test('bytes after an all-JSON body cannot be, bytes after the last tensor are refused', () => {
  expect(refused(() => decode(body({ inputs: [] }, [1])))).toMatch(/1 bytes more/);
  refused(() => decode(body(`${JSON.stringify({ inputs: [] })}x`)));
});

test('dimensions are integers from zero whose product can be counted', () => {
  const shapes = [
    [-1],
    [1.5],
    ['1'],
    [null],
    [2 ** 53],
    [2 ** 31, 2 ** 31],
    [0, 2 ** 40, 2 ** 40],
    Array(33).fill(1),
    3,
    undefined,
    [[1]],
  ];
  for (const shape of shapes) {
    refused(() => decode(blob(shape, 'FP32', 0, [])));
    refused(() => decode(one(shape, 'FP32', [])));
  }
  refused(() => decode(blob([1_000_000_000_000], 'BYTES', 4, [0, 0, 0, 0])));
  refused(() => decode(blob([1_000_000_000_000], 'FP32', 4, [0, 0, 0, 0])));
});

test('a tensor has data or a binary size, exactly one, and shared memory is not offered', () => {
  const input = { name: 'x', shape: [1], datatype: 'UINT8' };
  refused(() => decode(body({ inputs: [input] })));
  refused(() =>
    decode(body({ inputs: [{ ...input, data: [1], parameters: { binary_data_size: 1 } }] }, [1])),
  );
  refused(
    () => decode(body({ inputs: [{ ...input, parameters: { shared_memory_region: 'r' } }] })),
    'UNSUPPORTED',
  );
  refused(
    () => decode(body({ inputs: [], outputs: [{ name: 'y', parameters: { shared_memory_region: 'r' } }] })),
    'UNSUPPORTED',
  );
});

test('a body that is no request is refused with a sentence', () => {
  const good = { name: 'x', shape: [1], datatype: 'UINT8', data: [1] };
  const broken: unknown[] = [
    '', '[]', 'null', '7', '{', {}, { inputs: {} }, { inputs: [7] }, { inputs: [{ ...good, name: '' }] }, { inputs: [{ ...good, name: 7 }] },
    { inputs: [good, good] }, { inputs: [{ ...good, datatype: 'FLOAT' }] }, { inputs: [{ ...good, datatype: 7 }] }, { inputs: [good], id: 7 },
    { inputs: [good], outputs: {} }, { inputs: [good], outputs: [7] }, { inputs: [good], outputs: [{ name: 'y' }, { name: 'y' }] },
    { inputs: [good], outputs: [{ name: 'y', parameters: { binary_data: 'yes' } }] }, { inputs: [good], parameters: [] },
    { inputs: [good], parameters: { a: {} } }, { inputs: [good], parameters: { a: null } }, { inputs: [good], parameters: { binary_data_output: 1 } },
  ]; // prettier-ignore
  for (const json of broken)
    expect(
      refused(() => decode(body(json))),
      JSON.stringify(json),
    ).toMatch(/\.$/);
});

test('the JSON length is a plain decimal within the body', () => {
  expect(readJsonLength('12', 12)).toBe(12);
  expect(readJsonLength(undefined, 12)).toBeUndefined();
  for (const header of ['13', '-1', '+1', '1.0', '1e1', ' 1', '0x1', 'x', '99999999999999999999']) {
    expect(refused(() => readJsonLength(header, 12))).toMatch(/Inference-Header-Content-Length/);
  }
  for (const jsonLength of [5, -1, NaN]) refused(() => decodeInferRequest(new Uint8Array(2), jsonLength));
});

test('the same head again, with other bytes behind it, gives other data', () => {
  for (const byte of [7, 8, 9]) {
    const { inputs } = decode(blob([1], 'UINT8', 1, [byte]));
    expect(inputs).toEqual([{ name: 'x', datatype: 'UINT8', shape: [1], data: Uint8Array.of(byte) }]);
    refused(() => decode(blob([1], 'UINT8', 1, [byte, byte])));
  }
  // The same length, another name.
  expect(
    decode(
      body(
        { inputs: [{ name: 'y', shape: [1], datatype: 'UINT8', parameters: { binary_data_size: 1 } }] },
        [1],
      ),
    ).inputs[0]?.name,
  ).toBe('y');
});

test('a raw request is the bytes of the only input, its shape follows from the metadata', () => {
  const raw = (bytes: Uint8Array, ...specs: TensorSpec[]) => decodeInferRequest(bytes, 0, specs);
  const floats = new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6).buffer);
  expect(raw(floats, spec('x', 'FP32', [-1, 6]))).toEqual({
    parameters: {},
    inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 6], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
    binaryOutput: true,
  });
  expect(raw(floats, spec('x', 'FP32', [-1, 2, -1])).inputs[0]?.shape).toEqual([1, 2, 3]);
  expect(raw(new Uint8Array(0), spec('x', 'FP32', [-1, -1])).inputs[0]?.shape).toEqual([1, 0]);
  expect(raw(utf8.encode('hello'), spec('x', 'BYTES', [-1])).inputs[0]).toMatchObject({
    shape: [1],
    data: [utf8.encode('hello')],
  });
  refused(() => raw(floats, spec('x', 'FP32', [-1, 7])));
  expect(refused(() => raw(floats, spec('x', 'FP32', [1, 4, -1])))).toMatch(/whole number of rows/);
  refused(() => raw(floats, spec('x', 'FP32', [1, -1, -1])));
  refused(() => raw(floats, spec('x', 'FP32', [-1, 6]), spec('y', 'FP32', [1])));
  refused(() => raw(floats, spec('x', 'BYTES', [-1, 2])));
  refused(() => raw(floats, spec('x', 'FP32', [-1, 0, -1])));
  refused(() => decodeInferRequest(floats, 0));
});

test('inputs are held against the metadata, and the message names what was expected', () => {
  const specs = [spec('x', 'FP32', [-1, 2]), spec('n', 'INT64', [])];
  const x: Tensor = { name: 'x', datatype: 'FP32', shape: [3, 2], data: new Float32Array(6) };
  const n: Tensor = { name: 'n', datatype: 'INT64', shape: [], data: BigInt64Array.of(1n) };
  checkInputs(request([n, x]), specs);
  const message = (inputs: Tensor[]) => refused(() => checkInputs(request(inputs), specs), 'TENSOR_MISMATCH');
  expect(message([x])).toMatch(/"n" is missing.*"x" FP32 \[-1,2\], "n" INT64 \[\]/);
  expect(message([x, n, { ...x, name: 'z' }])).toMatch(/no input "z"/);
  expect(message([{ ...x, datatype: 'FP64', data: new Float64Array(6) }, n])).toMatch(/is FP64.*FP32/);
  expect(message([{ ...x, shape: [6] }, n])).toMatch(/shape \[6\]/);
  expect(message([{ ...x, shape: [2, 3] }, n])).toMatch(/shape \[2,3\].*\[-1,2\]/);
  checkOutputs({ outputs: [{ name: 'x' }] }, specs);
  expect(refused(() => checkOutputs({ outputs: [{ name: 'y' }] }, specs), 'TENSOR_MISMATCH')).toMatch(
    /no output "y"/,
  );
});

test('id, parameters and wanted outputs arrive; unknown keys are passed over', () => {
  const wire = body(
    '{"model_name":"m","id":"é","parameters":{"sequence_id":18446744073709551615,"priority":1,"binary_data_output":true},' +
      '"inputs":[{"name":"x","shape":[1],"datatype":"UINT8","data":[1],"note":{}}],"outputs":[{"name":"y","parameters":{"binary_data":false}}]}',
  );
  const decoded = decode(wire);
  expect(decoded).toEqual({
    id: 'é',
    parameters: { sequence_id: '18446744073709551615', priority: 1 },
    inputs: [{ name: 'x', datatype: 'UINT8', shape: [1], data: Uint8Array.of(1) }],
    outputs: [{ name: 'y', parameters: { binary_data: false } }],
    binaryOutput: true,
  });
  expect(decode(encodeInferRequest(decoded))).toEqual(decoded);
});

test('an answer carries each output as the request wants it, in the order it wants', () => {
  const response = { modelName: 'm', modelVersion: 'v10', id: 'r1', outputs: [...everyType, ...bits] };
  const all = encodeInferResponse(response, { binaryOutput: true });
  const back = decodeInferResponse(all.bytes, all.jsonLength);
  expect({ ...back, outputs: back.outputs.slice(0, 15).map(asText) }).toEqual({
    ...response,
    outputs: everyType,
  });

  const json = encodeInferResponse({ ...response, outputs: everyType }, { binaryOutput: false });
  expect(json.jsonLength).toBeUndefined();
  expect(decodeInferResponse(json.bytes, undefined).outputs).toEqual(everyType);

  const mixed = encodeInferResponse(response, {
    outputs: [{ name: 'f16' }, { name: 'u8', parameters: { binary_data: false } }],
    binaryOutput: true,
  });
  expect(new TextDecoder().decode(mixed.bytes.subarray(0, mixed.jsonLength))).toBe(
    '{"model_name":"m","model_version":"v10","id":"r1","outputs":[{"name":"f16","shape":[3],"datatype":"FP16","parameters":{"binary_data_size":6}},{"name":"u8","shape":[2],"datatype":"UINT8","data":[0,255]}]}',
  );
  expect(
    refused(() => encodeInferResponse(response, { outputs: [{ name: 'q' }], binaryOutput: true })),
  ).toMatch(/no output "q"/);
});

test('what JSON cannot carry in an answer is said with the name of the output', () => {
  const answer = (tensor: Tensor) =>
    encodeInferResponse({ modelName: 'm', outputs: [tensor] }, { binaryOutput: false });
  for (const value of [NaN, Infinity, -Infinity]) {
    const tensor: Tensor = { name: 'y', datatype: 'FP32', shape: [2], data: Float32Array.of(1, value) };
    expect(refused(() => answer(tensor), 'MODEL_FAILED')).toMatch(/"y".*element 1.*binary/);
    const binary = encodeInferResponse({ modelName: 'm', outputs: [tensor] }, { binaryOutput: true });
    expect(decodeInferResponse(binary.bytes, binary.jsonLength).outputs[0]).toEqual(tensor);
  }
  for (const tensor of bits) expect(refused(() => answer(tensor))).toMatch(/binary/);
});

test('a malformed answer is not its reader’s fault', () => {
  for (const json of ['', '{}', '{"model_name":"m"}', '{"model_name":"m","outputs":[{"name":"y"}]}']) {
    refused(() => decodeInferResponse(utf8.encode(json), undefined), 'INTERNAL');
  }
});
