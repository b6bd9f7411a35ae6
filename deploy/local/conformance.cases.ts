// The Open Inference Protocol as a table: what is sent, and what must come back. conformance.test.ts sends every case through every
// door that can carry it. `line` is the line of the checklist that a case stands for.
import type { ErrorCode } from '../../contracts/errors.js';
import type { Tensor } from '../../contracts/tensor.js';

export const CHECKLIST = [
  'health, metadata, paths with and without version',
  'flat = nested; id echoed; output subset; what is wrong with shapes',
  'zero-element tensors',
  '64-bit extremes, BYTES, FP16 bits',
  'JSON and binary mixed; every error of the binary form; misaligned blobs; raw request',
  'gzip, deflate; inflation bomb',
  'gRPC raw and typed; half-raw refused; stream with final marker',
  'index, load, unload, config, stats',
  'every status over every door',
  'classification',
  'request parameters',
  'clients of others',
] as const;
export type Line = (typeof CHECKLIST)[number];

interface Case {
  readonly name: string;
  readonly line: Line;
  readonly model: string;
  readonly version?: string;
}

/** Written in every encoding and sent through every door: the answers are equal, byte for byte. */
export interface TensorCase extends Case {
  readonly id?: string;
  readonly parameters?: Record<string, string | number | boolean>;
  readonly inputs: readonly Tensor[];
  readonly outputs?: readonly string[];
  /** Nothing that JSON could carry. */
  readonly binaryOnly?: true;
  /** Outputs as `name DATATYPE [shape] hex`, or the code of the refusal. */
  readonly gives: readonly string[] | ErrorCode;
}

const t = (name: string, datatype: Tensor['datatype'], shape: number[], data: Tensor['data']): Tensor => ({
  name,
  datatype,
  shape,
  data,
});
const bytes = (...elements: (string | number[])[]): Uint8Array[] =>
  elements.map((element) => Uint8Array.from(Buffer.from(element as string)));
const four = Float32Array.of(1, -2.5, 0, 3e-45);
const FOUR = '0000803f000020c00000000002000000';

export const TENSOR_CASES: readonly TensorCase[] = [
  {
    name: 'a call without a version says which one ran',
    line: 'health, metadata, paths with and without version',
    model: 'fp32',
    inputs: [t('x', 'FP32', [4], four)],
    gives: [`y FP32 [4] ${FOUR}`],
  },
  {
    name: 'a version that is no number is a version',
    line: 'health, metadata, paths with and without version',
    model: 'fp32',
    version: 'v1.0-a',
    inputs: [t('x', 'FP32', [4], four)],
    gives: [`y FP32 [4] ${FOUR}`],
  },
  {
    name: 'an id is echoed, whatever it is made of',
    line: 'flat = nested; id echoed; output subset; what is wrong with shapes',
    model: 'fp32',
    id: 'ä "1"\n',
    inputs: [t('x', 'FP32', [1], Float32Array.of(1))],
    gives: ['y FP32 [1] 0000803f'],
  },
  {
    name: 'outputs come as they are wanted, in that order',
    line: 'flat = nested; id echoed; output subset; what is wrong with shapes',
    model: 'two',
    inputs: [t('a', 'FP32', [1, 2], Float32Array.of(1, 2)), t('b', 'INT64', [1], BigInt64Array.of(7n))],
    outputs: ['b2', 'a2'],
    gives: ['b2 INT64 [1] 0700000000000000', 'a2 FP32 [1,2] 0000803f00000040'],
  },
  {
    name: 'a subset of the outputs',
    line: 'flat = nested; id echoed; output subset; what is wrong with shapes',
    model: 'two',
    inputs: [t('b', 'INT64', [1], BigInt64Array.of(7n)), t('a', 'FP32', [1, 2], Float32Array.of(1, 2))],
    outputs: ['b2'],
    gives: ['b2 INT64 [1] 0700000000000000'],
  },
  ...(
    [
      ['an output that is none', [t('x', 'FP32', [1], Float32Array.of(1))], 'TENSOR_MISMATCH', ['z']],
      ['an input that is none', [t('z', 'FP32', [1], Float32Array.of(1))], 'TENSOR_MISMATCH'],
      ['no inputs at all', [], 'TENSOR_MISMATCH'],
      ['another datatype', [t('x', 'FP64', [1], Float64Array.of(1))], 'TENSOR_MISMATCH'],
      ['another rank', [t('x', 'FP32', [1, 1], Float32Array.of(1))], 'TENSOR_MISMATCH'],
      ['fewer elements than the shape has', [t('x', 'FP32', [2], Float32Array.of(1))], 'BAD_REQUEST'],
      ['a negative dimension', [t('x', 'FP32', [-1], Float32Array.of(1))], 'BAD_REQUEST'],
      ['dimensions that overflow', [t('x', 'FP32', [2 ** 40, 2 ** 40], Float32Array.of(1))], 'BAD_REQUEST'],
    ] as [string, Tensor[], ErrorCode, string[]?][]
  ).map(([name, inputs, gives, outputs]) => ({
    name: `${name} is refused`,
    line: 'flat = nested; id echoed; output subset; what is wrong with shapes' as const,
    model: 'fp32',
    inputs,
    ...(outputs ? { outputs } : {}),
    gives,
  })),
  {
    name: 'a tensor without elements comes back as one',
    line: 'zero-element tensors',
    model: 'fp32',
    inputs: [t('x', 'FP32', [0], new Float32Array())],
    gives: ['y FP32 [0] '],
  },
  {
    name: 'a batch without rows',
    line: 'zero-element tensors',
    model: 'two',
    inputs: [t('a', 'FP32', [0, 2], new Float32Array()), t('b', 'INT64', [0], new BigInt64Array())],
    gives: ['a2 FP32 [0,2] ', 'b2 INT64 [0] '],
  },
  ...(
    [
      [
        'INT64',
        BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n, 2n ** 53n + 1n),
        '0000000000000080ffffffffffffff7f0100000000002000',
      ],
      ['UINT64', BigUint64Array.of(2n ** 64n - 1n, 0n), 'ffffffffffffffff0000000000000000'],
      ['INT32', Int32Array.of(-(2 ** 31), 2 ** 31 - 1), '00000080ffffff7f'],
      ['UINT32', Uint32Array.of(2 ** 32 - 1, 1), 'ffffffff01000000'],
      ['INT16', Int16Array.of(-32_768, 32_767), '0080ff7f'],
      ['UINT16', Uint16Array.of(65_535, 1), 'ffff0100'],
      ['INT8', Int8Array.of(-128, 127), '807f'],
      ['UINT8', Uint8Array.of(255, 1), 'ff01'],
      ['BOOL', Uint8Array.of(1, 0, 1), '010001'],
      ['FP64', Float64Array.of(0.1, 5e-324), '9a9999999999b93f0100000000000000'],
      ['BYTES', bytes('é', '', '\uFEFFa'), '02000000c3a90000000004000000efbbbf61'],
    ] as [Tensor['datatype'], Tensor['data'], string][]
  ).map(([datatype, data, hex]) => ({
    name: `${datatype} at its ends`,
    line: '64-bit extremes, BYTES, FP16 bits' as const,
    model: datatype.toLowerCase(),
    inputs: [t('x', datatype, [data.length], data)],
    gives: [`y ${datatype} [${data.length}] ${hex}`],
  })),
  {
    name: 'BYTES with a NUL are refused, since the runtime would cut them there',
    line: '64-bit extremes, BYTES, FP16 bits',
    model: 'bytes',
    inputs: [t('x', 'BYTES', [1], bytes('a\u0000b'))],
    gives: 'BAD_REQUEST',
  },
  {
    name: 'FP16 keeps its bits, those of NaN too',
    line: '64-bit extremes, BYTES, FP16 bits',
    model: 'fp16',
    binaryOnly: true,
    inputs: [t('x', 'FP16', [4], Uint16Array.of(1, 0x7e01, 0xffff, 0x8000))],
    gives: ['y FP16 [4] 0100017effff0080'],
  },
  {
    name: 'floats that JSON has no word for pass as binary',
    line: '64-bit extremes, BYTES, FP16 bits',
    model: 'fp32',
    binaryOnly: true,
    inputs: [t('x', 'FP32', [3], Float32Array.of(NaN, Infinity, -0))],
    gives: ['y FP32 [3] 0000c07f0000807f00000080'],
  },
  {
    name: 'sequence, priority and time are taken',
    line: 'request parameters',
    model: 'fp32',
    parameters: { priority: 1, timeout: 4_000_000, unknown: 'ignored' },
    inputs: [t('x', 'FP32', [1], Float32Array.of(1))],
    gives: ['y FP32 [1] 0000803f'],
  },
  ...(
    [
      ['a priority that is a text', { priority: 'high' }],
      ['a negative time', { timeout: -1 }],
      ['the start of no sequence', { sequence_start: true }],
    ] as const
  ).map(([name, parameters]) => ({
    name: `${name} is refused`,
    line: 'request parameters' as const,
    model: 'fp32',
    parameters: parameters as Record<string, string | number | boolean>,
    inputs: [t('x', 'FP32', [1], Float32Array.of(1))],
    gives: 'BAD_REQUEST' as const,
  })),
  ...(
    [
      ['an endpoint that is none', 'nothing', undefined, 'ENDPOINT_UNKNOWN'],
      ['a version that is none', 'fp32', '9', 'VERSION_UNKNOWN'],
      ['a model without a replica', 'absent', undefined, 'NOT_READY'],
    ] as const
  ).map(([name, model, version, gives]) => ({
    name,
    line: 'every status over every door' as const,
    model,
    ...(version === undefined ? {} : { version }),
    parameters: { timeout: 300_000 },
    inputs: [t('x', 'FP32', [1], Float32Array.of(1))],
    gives,
  })),
  {
    name: 'values that the model fails on',
    line: 'every status over every door',
    model: 'gather',
    inputs: [t('x', 'INT64', [1], BigInt64Array.of(99n))],
    gives: 'MODEL_FAILED',
  },
];

/** Bodies as bytes, for REST and NATS. */
export interface BodyCase extends Case {
  readonly json: string;
  readonly blob?: string;
  /** As the header has it; `json`: the length of the JSON part; undefined: not sent. */
  readonly header?: 'json' | (string & {});
  readonly gives: readonly string[] | ErrorCode;
}

const binary = (size: number | string, more = ''): string =>
  `{"inputs":[{"name":"x","shape":[2],"datatype":"FP32","parameters":{"binary_data_size":${size}}${more}}]}`;
const json = (data: string, datatype = 'FP32', shape = '[2,2]'): string =>
  `{"inputs":[{"name":"x","shape":${shape},"datatype":"${datatype}","data":${data}}]}`;
const TWO = '0000803f00000040';
const mixing = 'JSON and binary mixed; every error of the binary form; misaligned blobs; raw request';
const shapes = 'flat = nested; id echoed; output subset; what is wrong with shapes';

const refusals: readonly [name: string, line: Line, text: string, blob?: string, header?: string][] = [
  ['a length that is no number', mixing, binary(8), TWO, 'many'],
  ['a length with a sign', mixing, binary(8), TWO, '+5'],
  ['a length beyond the body', mixing, binary(8), TWO, '9999'],
  ['a cut JSON part', mixing, binary(8), TWO, '20'],
  ['surplus bytes', mixing, binary(8), `${TWO}00`, 'json'],
  ['a blob that is not all there', mixing, binary(8), '0000803f', 'json'],
  ['a size that is not that of the shape', mixing, binary(4), '0000803f', 'json'],
  ['a negative size', mixing, binary(-1), '', 'json'],
  ['a size that is a text', mixing, binary('"8"'), TWO, 'json'],
  ['both data and a size', mixing, binary(8, ',"data":[1,2]'), TWO, 'json'],
  ['neither data nor a size', mixing, '{"inputs":[{"name":"x","shape":[2],"datatype":"FP32"}]}'],
  ['a raw request that is no whole number of elements', mixing, '', '0000803f00', '0'],
  ['no JSON at all', shapes, 'inputs'],
  ['JSON that ends too early', shapes, '{"inputs":['],
  ['JSON nested without an end', shapes, '['.repeat(5_000)],
  ['a list instead of an object', shapes, '[]'],
  ['no inputs', shapes, '{}'],
  ['inputs that are no list', shapes, '{"inputs":{}}'],
  [
    'an input twice',
    shapes,
    `{"inputs":[${'{"name":"x","shape":[1],"datatype":"FP32","data":[1]},'.repeat(2).slice(0, -1)}]}`,
  ],
  ['rows of different lengths', shapes, json('[[1,2],[3]]')],
  ['rows that are not nested as the shape', shapes, json('[[1],[2],[3],[4]]')],
  ['a text for a number', shapes, json('[1,"2"]', 'FP32', '[2]')],
  ['1 for a truth value', shapes, json('[1]', 'BOOL', '[1]')],
  ['300 for a UINT8', shapes, json('[300]', 'UINT8', '[1]')],
  ['1e39 for an FP32', shapes, json('[1e39]', 'FP32', '[1]')],
  [
    'an INT64 out of range',
    '64-bit extremes, BYTES, FP16 bits',
    json('[9223372036854775808]', 'INT64', '[1]'),
  ],
  ['an INT64 that may be rounded', '64-bit extremes, BYTES, FP16 bits', json('[1e20]', 'INT64', '[1]')],
  ['FP16 as JSON', '64-bit extremes, BYTES, FP16 bits', json('[1]', 'FP16', '[1]')],
  ['a datatype that is none', shapes, json('[1]', 'FP8', '[1]')],
  ['a fraction for a dimension', shapes, json('[1]', 'FP32', '[1.5]')],
];

export const BODY_CASES: readonly BodyCase[] = [
  {
    name: 'nested rows are the flat ones',
    line: shapes,
    model: 'two',
    json: '{"inputs":[{"name":"a","shape":[2,2],"datatype":"FP32","data":[[1,2],[3,4]]},{"name":"b","shape":[2],"datatype":"INT64","data":[1,2]}],"outputs":[{"name":"a2"}]}',
    gives: ['a2 FP32 [2,2] 0000803f000000400000404000008040'],
  },
  {
    name: 'flat rows are the nested ones, and unknown keys are ignored',
    line: shapes,
    model: 'two',
    json: '{"model_name":"?","inputs":[{"name":"a","shape":[2,2],"datatype":"FP32","data":[1,2,3,4],"x":{}},{"name":"b","shape":[2],"datatype":"INT64","data":[1,2]}],"outputs":[{"name":"a2"}]}',
    gives: ['a2 FP32 [2,2] 0000803f000000400000404000008040'],
  },
  {
    name: 'JSON and binary inputs mix, and so do outputs',
    line: mixing,
    model: 'two',
    json: '{"inputs":[{"name":"a","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}},{"name":"b","shape":[1],"datatype":"INT64","data":[9223372036854775807]}],"outputs":[{"name":"b2"},{"name":"a2","parameters":{"binary_data":true}}]}',
    blob: TWO,
    header: 'json',
    gives: ['b2 INT64 [1] ffffffffffffff7f', `a2 FP32 [1,2] ${TWO}`],
  },
  {
    name: 'binary_data of an output overrides binary_data_output of the request',
    line: mixing,
    model: 'fp32',
    json: '{"parameters":{"binary_data_output":true},"inputs":[{"name":"x","shape":[2],"datatype":"FP32","data":[1,2]}],"outputs":[{"name":"y","parameters":{"binary_data":false}}]}',
    gives: [`y FP32 [2] ${TWO}`],
  },
  ...Array.from({ length: 8 }, (_, at) => ({
    name: `a blob that begins at byte ${at} of eight`,
    line: mixing as Line,
    model: 'int64',
    json: `${' '.repeat(at)}{"inputs":[{"name":"x","shape":[1],"datatype":"INT64","parameters":{"binary_data_size":8}}]}`,
    blob: '0100000000000080',
    header: 'json',
    gives: ['y INT64 [1] 0100000000000080'],
  })),
  {
    name: 'a raw request finds its shape, and is answered in binary',
    line: mixing,
    model: 'rows',
    json: '',
    blob: TWO,
    header: '0',
    gives: [`y FP32 [1,2] ${TWO}`],
  },
  {
    name: 'a raw request of BYTES is one element without its length',
    line: mixing,
    model: 'bytes',
    json: '',
    blob: 'c3a9',
    header: '0',
    gives: ['y BYTES [1] 02000000c3a9'],
  },
  {
    name: 'a raw request for a model with two inputs is refused',
    line: mixing,
    model: 'two',
    json: '',
    blob: TWO,
    header: '0',
    gives: 'BAD_REQUEST',
  },
  {
    name: 'BYTES that are no UTF-8 are refused by an engine, whose strings are text',
    line: '64-bit extremes, BYTES, FP16 bits',
    model: 'bytes',
    json: '{"inputs":[{"name":"x","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":10}}],"parameters":{"binary_data_output":true}}',
    blob: '02000000ff0000000000',
    header: 'json',
    gives: 'BAD_REQUEST',
  },
  {
    name: 'BYTES that are no UTF-8 are refused where JSON is wanted',
    line: '64-bit extremes, BYTES, FP16 bits',
    model: 'bytes',
    json: '{"inputs":[{"name":"x","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":5}}]}',
    blob: '01000000ff',
    header: 'json',
    gives: 'BAD_REQUEST',
  },
  {
    name: 'a float that JSON has no word for is a failure that names the tensor',
    line: '64-bit extremes, BYTES, FP16 bits',
    model: 'fp32',
    json: '{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","parameters":{"binary_data_size":4}}]}',
    blob: '0000c07f',
    header: 'json',
    gives: 'MODEL_FAILED',
  },
  {
    name: 'shared memory is not offered',
    line: 'every status over every door',
    model: 'fp32',
    json: '{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","parameters":{"shared_memory_region":"r"}}]}',
    gives: 'UNSUPPORTED',
  },
  {
    name: 'the best classes come with their labels',
    line: 'classification',
    model: 'classes',
    json: '{"inputs":[{"name":"x","shape":[2,3],"datatype":"FP32","data":[0.5,2,1,3,3,4]}],"outputs":[{"name":"y","parameters":{"classification":2}}]}',
    gives: [
      `y BYTES [2,2] ${['2.000000:1:dog', '1.000000:2:é', '4.000000:2:é', '3.000000:0:cat'].map(element).join('')}`,
    ],
  },
  {
    name: 'a number of classes that is none is refused',
    line: 'classification',
    model: 'classes',
    json: '{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[1,2,3]}],"outputs":[{"name":"y","parameters":{"classification":-2}}]}',
    gives: 'BAD_REQUEST',
  },
  ...refusals.map(([name, line, text, blob, header]): BodyCase => ({
    name: `${name} is refused`,
    line,
    model: 'fp32',
    json: text,
    ...(blob === undefined ? {} : { blob }),
    ...(header === undefined ? {} : { header }),
    gives: 'BAD_REQUEST',
  })),
  // What Triton's Python client for HTTP sends, byte for byte: no content type, compact JSON in this order, then the blobs.
  {
    name: "Triton's client by default: binary in, all outputs binary",
    line: 'clients of others',
    model: 'fp32',
    json: '{"id":"1","inputs":[{"name":"x","shape":[2],"datatype":"FP32","parameters":{"binary_data_size":8}}],"parameters":{"binary_data_output":true}}',
    blob: TWO,
    header: 'json',
    gives: [`y FP32 [2] ${TWO}`],
  },
  {
    name: "Triton's client with a wanted output and its classes",
    line: 'clients of others',
    model: 'classes',
    json: '{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","parameters":{"binary_data_size":12}}],"outputs":[{"name":"y","parameters":{"classification":1,"binary_data":true}}]}',
    blob: '000000400000803f00000000',
    header: 'json',
    gives: [`y BYTES [1,1] ${element('2.000000:0:cat')}`],
  },
  {
    name: "Triton's client with JSON both ways",
    line: 'clients of others',
    model: 'bytes',
    json: '{"inputs":[{"name":"x","shape":[2],"datatype":"BYTES","data":["a","é"]}],"outputs":[{"name":"y","parameters":{"binary_data":false}}]}',
    gives: [`y BYTES [2] ${element('a')}${element('é')}`],
  },
  {
    name: "Triton's client with priority and time",
    line: 'clients of others',
    model: 'int32',
    json: '{"id":"r","inputs":[{"name":"x","shape":[1],"datatype":"INT32","parameters":{"binary_data_size":4}}],"outputs":[{"name":"y","parameters":{"binary_data":true}}],"parameters":{"priority":1,"timeout":4000000}}',
    blob: 'ffffffff',
    header: 'json',
    gives: ['y INT32 [1] ffffffff'],
  },
  {
    name: "KServe's client: JSON with its own order of keys",
    line: 'clients of others',
    model: 'fp32',
    json: '{"id":"d0d1","inputs":[{"name":"x","shape":[2],"datatype":"FP32","data":[1.0,2.0]}]}',
    gives: [`y FP32 [2] ${TWO}`],
  },
];

function element(text: string): string {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(Buffer.byteLength(text));
  return Buffer.concat([length, Buffer.from(text)]).toString('hex');
}
