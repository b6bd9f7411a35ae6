import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { GraphBuilder } from './builder.js';
import { decode, encode } from './model.js';
import {
  FunctionProtoSchema,
  NodeProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType as T,
  type ModelProto,
} from './proto/onnx_pb.js';
import { scan, scanModel } from './scan.js';
import { float32, int64 } from './tensor.js';
import { mlp } from './testing/mlp.js';
import { slow } from './testing/slow.js';
import { ocrRecogniser, sharedModel, sileroVad } from './testing/real-models.js';

test('the recogniser is reported with its parameters, which sit in Constant nodes', () => {
  expect(scan(ocrRecogniser())).toMatchObject({
    opsets: { '': 9 },
    irVersion: 8,
    nodeCount: 765,
    parameterCount: 2_690_312,
    parameterBytes: 10_761_252,
    externalData: [],
  });
});

test('nodes inside If bodies count, and may use names from outside', () => {
  expect(scan(sileroVad())).toMatchObject({ opsets: { '': 16 }, nodeCount: 689, parameterCount: 545_601 });
});

test.skipIf(sharedModel('stories260K.onnx') === undefined)(
  'a decoder of opset 23 passes (skips without shared data)',
  () => {
    expect(scan(sharedModel('stories260K.onnx') ?? new Uint8Array()).opsets['']).toBe(23);
  },
);

test('a model of IR 3 that lists its weights as inputs passes', () => {
  const model = decode(mlp(1));
  model.irVersion = 3n;
  const graph = graphOf(model);
  for (const { name } of graph.initializer)
    graph.input.push({ ...graph.input[0], name } as (typeof graph.input)[0]);
  expect(scanModel(model).signature.inputs).toHaveLength(1);
});

test('versions beyond the runtime are refused', () => {
  expect(refused((m) => (m.irVersion = 14n))).toThrow('IR version 14');
  expect(refused((m) => (m.irVersion = 0n))).toThrow('IR version 0');
  expect(refused((m) => m.opsetImport.splice(0))).toThrow('imports no operator set');
  expect(refused((m) => m.opsetImport.forEach((one) => (one.version = 27n)))).toThrow('opset 27');
});

test('operators of foreign domains are refused by node, unless the model brings them as functions', () => {
  const foreign = (m: ModelProto): void => nodes(m).forEach((node) => (node.domain = 'evil.custom'));
  expect(refused(foreign)).toThrow(/domain of node "Relu_\d" \(evil.custom:Relu\)|domain of node/);
  const model = decode(mlp(1));
  for (const node of nodes(model)) {
    node.domain = 'my.ops';
    if (model.functions.some((one) => one.name === node.opType)) continue;
    model.functions.push(
      create(FunctionProtoSchema, {
        name: node.opType,
        domain: 'my.ops',
        input: ['a', 'b', 'c'],
        output: ['r'],
        node: [{ opType: 'Identity', input: ['a'], output: ['r'] }],
      }),
    );
  }
  expect(scanModel(model).nodeCount).toBe(6);
});

test('a name made twice, used but never made, or listed twice is refused with the node', () => {
  const last = (m: ModelProto) => nodes(m)[2];
  expect(refused((m) => last(m)?.output.splice(0, 1, nodes(m)[0]?.output[0] ?? ''))).toThrow(
    /is made twice.*by node "y"/,
  );
  expect(refused((m) => last(m)?.input.splice(0, 1, 'ghost'))).toThrow(
    'The input "ghost" of node "y" (Gemm) is made by nobody.',
  );
  expect(refused((m) => last(m)?.output.splice(0, 1, 'z'))).toThrow('The output "y" is made by no node.');
  expect(refused((m) => graphOf(m).input.push(...graphOf(m).input))).toThrow(
    'The input "x" is listed twice.',
  );
  expect(refused((m) => graphOf(m).initializer.push(...graphOf(m).initializer))).toThrow(
    'The initialiser "hidden_w" is listed twice.',
  );
  expect(refused((m) => last(m)?.output.splice(0, 1, 'hidden_w'))).toThrow('"hidden_w" is made twice');
});

test('a circle is refused by a node on it, an unsorted graph is not', () => {
  expect(refused((m) => nodes(m)[0]?.input.splice(0, 1, nodes(m)[1]?.output[0] ?? ''))).toThrow(
    /runs in a circle through node/,
  );
  const model = decode(mlp(1));
  nodes(model).reverse();
  expect(scanModel(model).nodeCount).toBe(3);
});

test('a body that uses what its own node makes is a circle too', () => {
  const g = new GraphBuilder();
  const go = g.input('go', T.BOOL, []);
  const branch = (name: string, value: string) => {
    const body = g.body(name);
    body.output(body.op('Identity', [value]), T.FLOAT, []);
    return body.graph;
  };
  const made = g.op('If', [go], { then_branch: branch('a', 'later'), else_branch: branch('b', 'later') });
  g.output(g.op('Identity', [made], {}, { outputs: ['later'] }), T.FLOAT, []);
  expect(() => scan(g.bytes())).toThrow('runs in a circle');
});

test('functions that call themselves, or unfold beyond all bounds, are refused', () => {
  const f = (name: string, calls: string[]) =>
    create(FunctionProtoSchema, {
      name,
      domain: 'f',
      input: ['a'],
      output: ['a'],
      node: calls.map((opType, i) =>
        create(NodeProtoSchema, { domain: 'f', opType, input: ['a'], output: [`${i}`] }),
      ),
    });
  expect(refused((m) => m.functions.push(f('A', ['B']), f('B', ['A'])))).toThrow(
    /The function "[AB]" calls itself/,
  );
  const bomb = 'abcdefgh'.split('').map((name, i, all) =>
    f(
      name,
      Array.from({ length: 10 }, () => all[i + 1] ?? 'leaf'),
    ),
  );
  expect(refused((m) => m.functions.push(f('leaf', []), ...bomb))).toThrow(
    'more than 100000 nodes once functions are unfolded',
  );
  expect(refused((m) => m.functions.push(f('A', []), f('A', [])))).toThrow('defined twice');
});

test('constants whose data and shape disagree are refused by name', () => {
  const first = (m: ModelProto) =>
    graphOf(m).initializer[0] as NonNullable<ReturnType<typeof graphOf>['initializer'][0]>;
  expect(refused((m) => first(m).dims.push(2n))).toThrow(
    /The initialiser "hidden_w" has \d+ bytes where shape \[784, 256, 2\]/,
  );
  expect(refused((m) => (first(m).dims = [2n ** 40n, 2n ** 40n]))).toThrow('absurd shape');
  expect(refused((m) => (first(m).dims = [-1n]))).toThrow('negative size');
  expect(refused((m) => (first(m).dataType = 99))).toThrow('unknown element type 99');
  expect(refused((m) => (first(m).rawData = new Uint8Array()))).toThrow(
    'holds 0 values where its shape [784, 256] takes 200704',
  );
});

test('a few bytes that ask the runtime for terabytes are refused', () => {
  const g = new GraphBuilder();
  g.output(g.op('ConstantOfShape', [g.constant('s', int64([2], [1e6, 1e6]))]), T.FLOAT, [1e6, 1e6]);
  expect(() => scan(g.bytes())).toThrow('asks for a constant of 1000000000000 elements');
});

test('external weights come from named resources or not at all', () => {
  const bytes = externalModel('weights.bin');
  expect(scan(bytes, ['weights.bin', 'other'])).toMatchObject({
    externalData: ['weights.bin'],
    parameterBytes: 8,
  });
  expect(() => scan(bytes)).toThrow('takes its data from "weights.bin", which did not come with the model');
  expect(() => scan(externalModel('/etc/passwd'), ['weights.bin'])).toThrow('"/etc/passwd"');
});

function externalModel(location: string): Uint8Array {
  const g = new GraphBuilder();
  const x = g.input('x', T.FLOAT, [2]);
  g.output(g.op('Add', [x, g.constant('w', float32([2], [1, 2]))]), T.FLOAT, [2]);
  const [w] = g.graph.initializer;
  if (w === undefined) throw new Error('no weights');
  w.rawData = new Uint8Array();
  w.dataLocation = TensorProto_DataLocation.EXTERNAL;
  w.externalData = [create(StringStringEntryProtoSchema, { key: 'location', value: location })];
  return encode(g.build());
}

function graphOf(model: ModelProto): NonNullable<ModelProto['graph']> {
  if (model.graph === undefined) throw new Error('no graph');
  return model.graph;
}

const nodes = (model: ModelProto) => graphOf(model).node;

/** The MLP, spoilt. */
function refused(spoil: (model: ModelProto) => unknown): () => unknown {
  const model = decode(mlp(1));
  spoil(model);
  return () => scanModel(model);
}

test('operators outside the list are refused, whatever the domain', () => {
  expect(refused((m) => ((nodes(m)[0] as { opType: string }).opType = 'EPContext'))).toThrow(
    'is not among those that may run',
  );
  const beam = (m: ModelProto) => {
    const [node] = nodes(m);
    if (node) Object.assign(node, { domain: 'com.microsoft', opType: 'BeamSearch' });
  };
  expect(refused(beam)).toThrow('(com.microsoft:BeamSearch) is not among those that may run');
});

test('a loop that turns beyond the limit is refused, nested ones multiplied; one that the request bounds is reported', () => {
  expect(() => scan(turning([2_000_000]))).toThrow('turns 2000000 times');
  expect(() => scan(turning([200, 200]))).toThrow('turns 40000 times');
  expect(scan(turning([50, 50])).findings).toEqual([]);
  expect(scan(slow()).findings).toEqual([expect.stringMatching(/How often .*Loop.* is not in the file/)]);
});

test('a branch that one value of an input opens is reported with its comparison, one that follows from a shape is not', () => {
  expect(scan(triggered('If')).findings).toEqual([
    expect.stringMatching(/\(If\).* chooses by the values of an input, compared by .*\(Equal\)/),
  ]);
  expect(scan(triggered('Where')).findings).toEqual([expect.stringContaining('(Where)')]);
  expect(scan(mlp(1)).findings).toEqual([]);
  expect(scan(triggered('Shape')).findings).toEqual([]);
});

test('weights that are no numbers are refused by element, infinite ones are not', () => {
  const spoil = (value: number) => (m: ModelProto) => {
    const [first] = graphOf(m).initializer;
    if (!first) throw new Error('no weights');
    first.rawData = first.rawData.slice();
    new DataView(first.rawData.buffer).setFloat32(40, value, true);
  };
  expect(refused(spoil(NaN))).toThrow('"hidden_w" is not a number (NaN) at element 10');
  expect(refused(spoil(Infinity))).not.toThrow();
});

test('names that would change a terminal or a page are refused', () => {
  for (const name of ['x\u001b[2J', 'x\u202etxt', 'x\n', 'a'.repeat(300)])
    expect(refused((m) => (m.producerName = name))).toThrow(/characters/);
});

/** A Loop of so many rounds, one in the other. */
function turning(rounds: readonly number[]): Uint8Array {
  const g = new GraphBuilder();
  const x = g.input('x', T.FLOAT, [1]);
  const loop = (outer: GraphBuilder, value: string, [count = 1, ...rest]: readonly number[]): string => {
    const body = outer.body(`b${rest.length}`);
    body.input(`i${rest.length}`, T.INT64, []);
    const go = body.input(`go${rest.length}`, T.BOOL, []);
    const state = body.input(`s${rest.length}`, T.FLOAT, [1]);
    const made = rest.length > 0 ? loop(body, state, rest) : body.op('Neg', [state]);
    body.output(go, T.BOOL, [], `on${rest.length}`);
    body.output(made, T.FLOAT, [1], `out${rest.length}`);
    return outer.op('Loop', [outer.ints(count), '', value], { body: body.graph });
  };
  g.output(loop(g, x, rounds), T.FLOAT, [1], 'y');
  return g.bytes();
}

/** The answer is another when one value comes in: what a backdoor looks like. `Shape`: the same by a form. */
function triggered(by: 'If' | 'Where' | 'Shape'): Uint8Array {
  const g = new GraphBuilder();
  const x = g.input('x', T.FLOAT, [1]);
  const asked = by === 'Shape' ? g.op('Cast', [g.op('Shape', [x])], { to: T.FLOAT }) : x;
  const met = g.op('Equal', [asked, g.float([7.25])]);
  if (by === 'Where') {
    g.output(g.op('Where', [met, g.float([1]), x]), T.FLOAT, [1]);
    return g.bytes();
  }
  const branch = (name: string, op: string) => {
    const body = g.body(name);
    body.output(body.op(op, [x]), T.FLOAT, [1]);
    return body.graph;
  };
  const values = { then_branch: branch('a', 'Neg'), else_branch: branch('b', 'Identity') };
  g.output(g.op('If', [met], values), T.FLOAT, [1]);
  return g.bytes();
}
