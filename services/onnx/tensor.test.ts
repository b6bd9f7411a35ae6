import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { GraphBuilder } from './builder.js';
import { externalise, internalise } from './externalise.js';
import { Graph } from './graph.js';
import { toHalves } from './half.js';
import { INT4, pack } from './narrow-int.js';
import { TensorProto_DataType as T, TensorProtoSchema } from './proto/onnx_pb.js';
import { scan } from './scan.js';
import {
  bool,
  float32,
  floatValues,
  int64,
  numberValues,
  readTensor,
  writeTensor,
  type Tensor,
} from './tensor.js';
import { mlp } from './testing/mlp.js';
import { largestDifference, outputsOf } from './testing/outputs.js';

const TENSORS: [string, Tensor][] = [
  ['float32', float32([2, 2], [1, -2.5, 0, 3])],
  ['float64', { dataType: T.DOUBLE, dims: [2], data: Float64Array.of(1e300, -1) }],
  ['int64', int64([3], [1, -(2 ** 50), 0])],
  ['uint64', { dataType: T.UINT64, dims: [1], data: BigUint64Array.of(2n ** 63n) }],
  ['int32', { dataType: T.INT32, dims: [2], data: Int32Array.of(-1, 2 ** 30) }],
  ['int8', { dataType: T.INT8, dims: [2], data: Int8Array.of(-128, 127) }],
  ['uint16', { dataType: T.UINT16, dims: [1], data: Uint16Array.of(65_535) }],
  ['bool', bool([2], [true, false])],
  ['float16', { dataType: T.FLOAT16, dims: [2], data: toHalves([1.5, -0.25]) }],
  ['int4', { dataType: T.INT4, dims: [3], data: pack([-8, 7, 1], INT4) }],
  ['string', { dataType: T.STRING, dims: [2], data: ['größe', ''] }],
  ['scalar', float32([], [7])],
  ['empty', float32([0, 4], [])],
];

test.each(TENSORS)('%s comes back as it was written', (_, tensor) => {
  expect(readTensor(writeTensor('t', tensor))).toEqual(tensor);
});

test.each<[string, MessageInitShape<typeof TensorProtoSchema>, unknown]>([
  ['float_data', { dataType: T.FLOAT, dims: [2n], floatData: [1.5, -2] }, Float32Array.of(1.5, -2)],
  ['double_data', { dataType: T.DOUBLE, dims: [1n], doubleData: [0.1] }, Float64Array.of(0.1)],
  ['int64_data', { dataType: T.INT64, dims: [1n], int64Data: [-5n] }, BigInt64Array.of(-5n)],
  [
    'uint64_data of uint32',
    { dataType: T.UINT32, dims: [1n], uint64Data: [4_000_000_000n] },
    Uint32Array.of(4_000_000_000),
  ],
  ['int32_data of int8', { dataType: T.INT8, dims: [2n], int32Data: [-3, 3] }, Int8Array.of(-3, 3)],
  ['int32_data of bool', { dataType: T.BOOL, dims: [2n], int32Data: [1, 0] }, Uint8Array.of(1, 0)],
  ['int32_data of float16', { dataType: T.FLOAT16, dims: [1n], int32Data: [0x3e00] }, Uint16Array.of(0x3e00)],
  [
    'int32_data of packed int4',
    { dataType: T.INT4, dims: [3n], int32Data: [0x78, 0x01] },
    Uint8Array.of(0x78, 0x01),
  ],
])('values in %s are read', (_, init, data) => {
  expect(readTensor(create(TensorProtoSchema, init)).data).toEqual(data);
});

test('bytes that may not be viewed where they lie are copied, others are not', () => {
  const bytes = new Uint8Array(16);
  const at = (offset: number) =>
    create(TensorProtoSchema, { dataType: T.FLOAT, dims: [2n], rawData: bytes.subarray(offset, offset + 8) });
  expect((readTensor(at(4)).data as Float32Array).buffer).toBe(bytes.buffer);
  expect((readTensor(at(3)).data as Float32Array).buffer).not.toBe(bytes.buffer);
  expect(
    readTensor(
      create(TensorProtoSchema, {
        dataType: T.FLOAT,
        dims: [2n],
        rawData: Buffer.from(bytes).subarray(3, 11),
      }),
    ).data as Float32Array,
  ).toHaveLength(2);
});

test('data that do not fill the shape are refused by name', () => {
  const short = create(TensorProtoSchema, {
    name: 'w',
    dataType: T.FLOAT,
    dims: [3n],
    rawData: new Uint8Array(8),
  });
  expect(() => readTensor(short)).toThrow('The tensor "w" has 8 bytes where its shape takes 12');
  expect(() => writeTensor('w', { ...float32([2], [1, 2]), dims: [3] })).toThrow(
    '"w" does not fill its shape',
  );
});

test('numbers come out of every numeric type', () => {
  expect([...floatValues({ dataType: T.FLOAT16, dims: [2], data: toHalves([1.5, -0.25]) })]).toEqual([
    1.5, -0.25,
  ]);
  expect(numberValues({ dataType: T.INT4, dims: [3], data: pack([-8, 7, 1], INT4) })).toEqual([-8, 7, 1]);
  expect(numberValues(int64([2], [3, -4]))).toEqual([3, -4]);
});

test('weights moved out of the file come back the same, and answer the same from outside', async () => {
  const graph = Graph.read(mlp(1));
  const { chunks, byteLength } = externalise(graph, 'weights.bin');
  const resource = new Uint8Array(Buffer.concat(chunks));
  const bytes = graph.write();
  const external = new Map([['weights.bin', resource]]);
  expect(resource).toHaveLength(byteLength);
  expect(bytes.length).toBeLessThan(2_000);
  expect(scan(bytes, ['weights.bin'])).toMatchObject({
    externalData: ['weights.bin'],
    parameterCount: 203_530,
  });
  const feeds = { x: float32([1, 784], new Float32Array(784).fill(0.3)) };
  const expected = await outputsOf(mlp(1), feeds);
  expect(
    largestDifference(expected, await outputsOf(bytes, feeds, { optimisation: 'disabled', external })),
  ).toBe(0);

  const again = Graph.read(bytes, external);
  internalise(again);
  expect(largestDifference(expected, await outputsOf(again.write(), feeds))).toBe(0);
});

test('external weights are read from given bytes alone', () => {
  const graph = Graph.read(mlp(1));
  externalise(graph, '../../etc/passwd');
  const bytes = graph.write();
  expect(() => Graph.read(bytes).constant('hidden_w')).toThrow('"../../etc/passwd", which was not given');
  const short = new Map([['../../etc/passwd', new Uint8Array(10)]]);
  expect(() => Graph.read(bytes, short).constant('hidden_w')).toThrow('which has 10');
});

test('attributes get the type that their operator expects', async () => {
  const g = new GraphBuilder();
  const x = g.input('x', T.FLOAT, [1, 1, 3, 3]);
  const leaky = g.op('LeakyRelu', [x], { alpha: 2 });
  const pooled = g.op('MaxPool', [leaky], { kernel_shape: [2, 2], strides: [1, 1] });
  g.output(g.op('Elu', [pooled], { alpha: 1 }), T.FLOAT, [1, 1, 2, 2], 'y');
  const { y } = await outputsOf(g.bytes(), { x: float32([1, 1, 3, 3], [-1, -1, 1, -1, -1, 2, 3, 4, 5]) });
  expect(y?.data).toEqual(Float32Array.of(Math.fround(Math.expm1(-2)), 2, 4, 5));
});
