import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { GraphBuilder } from './builder.js';
import { decode } from './model.js';
import {
  TensorProto_DataType as T,
  TypeProtoSchema,
  ValueInfoProtoSchema,
  type ModelProto,
} from './proto/onnx_pb.js';
import { signatureOf } from './signature.js';
import { float32 } from './tensor.js';
import { ocrRecogniser, sileroVad } from './testing/real-models.js';

test('the recogniser reads as images in, characters out, with the names of what varies', () => {
  const { inputs, outputs } = signatureOf(decode(ocrRecogniser()));
  expect(inputs).toEqual([
    {
      name: 'x',
      datatype: 'FP32',
      shape: [-1, 3, 48, -1],
      symbols: ['p2o.DynamicDimension.0', '', '', 'p2o.DynamicDimension.1'],
    },
  ]);
  expect(outputs).toMatchObject([{ name: 'softmax_11.tmp_0', datatype: 'FP32', shape: [-1, -1, 6625] }]);
});

test('a scalar has an empty shape, unnamed sizes have empty names', () => {
  const { inputs } = signatureOf(decode(sileroVad()));
  expect(inputs).toContainEqual({ name: 'sr', datatype: 'INT64', shape: [], symbols: [] });
  expect(inputs).toContainEqual({
    name: 'state',
    datatype: 'FP32',
    shape: [2, -1, 128],
    symbols: ['', '', ''],
  });
});

test('an initialiser that old files also list as an input is not one', () => {
  const g = new GraphBuilder();
  const x = g.input('x', T.FLOAT, [1]);
  const w = g.constant('w', float32([1], [2]));
  g.output(g.op('Add', [x, w]), T.FLOAT, [1]);
  g.graph.input.push(create(ValueInfoProtoSchema, { name: 'w' }));
  expect(signatureOf(g.build()).inputs.map((input) => input.name)).toEqual(['x']);
});

test('an output of unknown rank says so', () => {
  expect(signatureOf(withOutput(T.FLOAT)).outputs).toEqual([
    { name: 'y', datatype: 'FP32', shape: [], symbols: [], anyRank: true },
  ]);
});

test.each([T.INT4, T.UINT4, T.BFLOAT16, T.FLOAT8E4M3FN, T.COMPLEX64])(
  'an output of element type %i, which would crash or confuse the runtime, is refused by name',
  (dataType) => {
    expect(() => signatureOf(withOutput(dataType))).toThrow(
      /The output "y" has element type .*, which cannot be served/,
    );
  },
);

test('outputs that are no tensors are refused with what they are', () => {
  const model = withOutput(T.FLOAT);
  const [output] = model.graph?.output ?? [];
  if (output === undefined) throw new Error('no output');
  output.type = create(TypeProtoSchema, { value: { case: 'mapType', value: { keyType: T.INT64 } } });
  expect(() => signatureOf(model)).toThrow(
    'The output "y" is a map (a scikit-learn export: convert with zipmap off)',
  );
  output.type = create(TypeProtoSchema, { value: { case: 'sequenceType', value: {} } });
  expect(() => signatureOf(model)).toThrow('The output "y" is a sequence, not a tensor.');
});

test('shapes that overflow are refused', () => {
  const g = new GraphBuilder();
  g.input('x', T.FLOAT, [2 ** 40, 2 ** 40]);
  expect(() => signatureOf(g.build())).toThrow('The input "x" has an absurd shape');
});

function withOutput(dataType: T): ModelProto {
  const g = new GraphBuilder();
  g.output(g.op('Identity', [g.input('x', T.FLOAT)], {}, { outputs: ['y'] }), dataType);
  return g.build();
}
