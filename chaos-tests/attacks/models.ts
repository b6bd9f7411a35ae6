// Graphs that a trusted publisher has signed and that only the scan keeps from the runtime. Each control is the runtime itself, which loads the very
// bytes; where it does not (a text that is no model, a constant that no machine holds) it is the same version without the fault.
import { create } from '@bufbuild/protobuf';
import { GraphBuilder } from '../../services/onnx/builder.js';
import { decode, encode } from '../../services/onnx/model.js';
import {
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType as T,
} from '../../services/onnx/proto/onnx_pb.js';
import { type AttackClass, nth } from './class.js';
import { anyModel, makeVersion } from './kit.js';

const inModel = (
  name: string,
  control: 'runtime' | 'twin',
  ways: readonly (() => Uint8Array)[],
): AttackClass => ({
  name,
  control,
  ways: ways.length,
  make: (attempt) => makeVersion({ onnx: nth(ways, attempt)() }),
  ...(control === 'twin' && { twin: () => makeVersion() }),
});

type Model = ReturnType<typeof decode>;
const spoilt = (change: (model: Model) => void) => (): Uint8Array => {
  const model = decode(anyModel());
  change(model);
  return encode(model);
};

/** By its bits: quiet and signalling, of either sign. Infinities are no fault: masks are made of them. */
const weight = (at: number, bits: number) =>
  spoilt(({ graph }) => {
    const [first] = graph?.initializer ?? [];
    if (!first) return;
    first.rawData = first.rawData.slice();
    new DataView(first.rawData.buffer).setUint32(4 * at, bits, true);
  });

const producer = (text: string) => spoilt((model) => (model.producerName = text));

/** A node that the allowlist does not have; the first ones the runtime knows well. */
const operator =
  (domain: string, opType: string, inputs = 1) =>
  (): Uint8Array => {
    const g = new GraphBuilder();
    const x = g.op('Relu', [g.input('x', T.FLOAT, [8, 8])]);
    g.output(
      g.op(
        opType,
        Array.from({ length: inputs }, () => x),
        {},
        { outputs: ['y'] },
      ),
      T.FLOAT,
      [8, 8],
    );
    const model = decode(g.bytes());
    const last = model.graph?.node.at(-1);
    if (last) last.domain = domain;
    if (domain !== '') model.opsetImport.push(create(OperatorSetIdProtoSchema, { domain, version: 1n }));
    return encode(model);
  };

const program = (attributes: object) =>
  spoilt(({ graph }) => {
    const [node] = graph?.node ?? [];
    if (node) Object.assign(node, { domain: 'com.microsoft', opType: 'EPContext', ...attributes });
  });

/** The first is there wherever the drill runs, and long enough. */
const external = (location: string) =>
  spoilt(({ graph }) => {
    const [first] = graph?.initializer ?? [];
    if (!first) return;
    first.rawData = new Uint8Array();
    first.dataLocation = TensorProto_DataLocation.EXTERNAL;
    first.externalData = [create(StringStringEntryProtoSchema, { key: 'location', value: location })];
  });

const terabytes = (shape: readonly number[]) => (): Uint8Array => {
  const g = new GraphBuilder();
  g.output(g.op('ConstantOfShape', [g.ints([...shape])]), T.FLOAT);
  return g.bytes();
};

const text = (bytes: string) => (): Uint8Array => Buffer.from(bytes, 'latin1');

export const models: readonly AttackClass[] = [
  inModel(
    'a loop of a thousand million rounds',
    'runtime',
    [1e9, 1e9 + 1, 2 ** 31, 2 ** 40, 2 ** 53 - 1].map((rounds) => () => turning([rounds])),
  ),
  inModel(
    'loops in loops',
    'runtime',
    [
      [200, 300],
      [300, 200],
      [1, 1e6],
      [1e6, 1],
      [40, 40, 40],
    ].map((rounds) => () => turning(rounds)),
  ),
  inModel('weights that are no numbers', 'runtime', [
    weight(0, 0x7fc00000),
    weight(1, 0x7f800001),
    weight(2, 0xffc00000),
    weight(783, 0x7fffffff),
    weight(99, 0xff800001),
  ]),
  inModel(
    'a name that clears the terminal',
    'runtime',
    ['x\u001b[2J', '\u001b]0;owned\u0007', 'a\u0008\u0008b', 'a\u0000b', 'a\rb'].map(producer),
  ),
  inModel(
    'a name that turns the writing',
    'runtime',
    ['gpj.\u202e', '\u202dabc', '\u2066abc\u2069', 'a\u200fb', 'a\u2067b'].map(producer),
  ),
  inModel('an operator of somebody', 'runtime', [
    operator('com.microsoft', 'TransposeMatMul', 2),
    operator('com.microsoft', 'DynamicTimeWarping'),
    operator('com.microsoft.nchwc', 'ReorderInput'),
    operator('evil.custom', 'Relu'),
    operator('ai.onnx.preview.training', 'Adagrad'),
    operator('', 'PyOp'),
  ]),
  inModel('a compiled program', 'twin', [
    program({}),
    program({ name: 'Relu' }),
    program({ domain: 'com.microsoft', opType: 'EPContext ' }),
    program({ domain: 'com.microsoft', opType: 'epcontext' }),
    program({ domain: '', opType: 'EPContext' }),
  ]),
  inModel('weights from a file of the machine', 'runtime', [
    external('package-lock.json'),
    external('./package-lock.json'),
    external('docs/../package-lock.json'),
    external('/etc/passwd'),
    external('../../../../etc/passwd'),
    external('/proc/self/environ'),
  ]),
  inModel(
    'a constant of terabytes',
    'twin',
    [[1_000_000, 1_000_000], [2 ** 40], [2 ** 31, 2 ** 31], [1e4, 1e4, 1e4], [2 ** 20, 2 ** 12]].map(
      terabytes,
    ),
  ),
  inModel('a pickle', 'twin', [
    text('\x80\x02}q\x00.'),
    text('\x80\x04\x95\x0f\x00\x00\x00.'),
    text('PK\x03\x04archive/data.pkl'),
    text("cos\nsystem\n(S'id'\ntR."),
    text('\x89HDF\r\n\x1a\n'),
  ]),
  inModel('half a model', 'twin', [
    () => anyModel().slice(0, 400),
    () => anyModel().slice(0, -1),
    () => anyModel().slice(1),
    () => anyModel().slice(0, 1),
    () => new Uint8Array(),
  ]),
];

function turning(rounds: readonly number[]): Uint8Array {
  const g = new GraphBuilder();
  const x = g.input('x', T.FLOAT, [1]);
  const loop = (outer: GraphBuilder, value: string, [count = 1, ...rest]: readonly number[]): string => {
    const depth = rest.length;
    const body = outer.body(`b${depth}`);
    body.input(`i${depth}`, T.INT64, []);
    const go = body.input(`go${depth}`, T.BOOL, []);
    const state = body.input(`s${depth}`, T.FLOAT, [1]);
    const made = depth > 0 ? loop(body, state, rest) : body.op('Neg', [state]);
    body.output(go, T.BOOL, [], `on${depth}`);
    body.output(made, T.FLOAT, [1], `out${depth}`);
    return outer.op('Loop', [outer.ints(count), '', value], { body: body.graph });
  };
  g.output(loop(g, x, rounds), T.FLOAT, [1], 'y');
  return g.bytes();
}
