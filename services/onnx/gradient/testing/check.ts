// Holds backward rules against central differences: the gradient that the written graph computes, in float32 as it ships,
// against the change of the output when one input element is moved, in float64 where onnxruntime has the kernels.
import { create } from '@bufbuild/protobuf';
import { GraphBuilder } from '../../builder.js';
import { Graph } from '../../graph.js';
import { TensorProto_DataType as T, ValueInfoProtoSchema } from '../../proto/onnx_pb.js';
import { seeded, type Seeded } from '../../seeded.js';
import { openSession, type Session, type Tensors } from '../../session.js';
import { elementCount, float32, numberValues, type Tensor } from '../../tensor.js';
import { valueInfo } from '../../value-info.js';
import { writeGradients } from '../backward.js';
import { lowered } from '../lowering/lowered.js';
import { modernise } from '../lowering/modern.js';
import type { Forms } from '../rule.js';
import type { Writer } from '../writer.js';

/** 'apart': no two values closer than the probe, none near 0, for operators with kinks. 'positive': from 0.5 to 2. */
export type Spread = 'normal' | 'apart' | 'positive';

export interface Operand {
  readonly shape: readonly number[];
  readonly spread?: Spread;
}

export interface GradientCase {
  readonly operator: string;
  readonly name: string;
  readonly operands: readonly Operand[];
  /** Writes the operator and returns its outputs; `real` makes a constant of the type under test. */
  readonly build: (
    g: GraphBuilder,
    operands: readonly string[],
    real: (dims: readonly number[], values: readonly number[]) => string,
  ) => string | readonly string[];
  readonly opset?: number;
  readonly forms?: Forms;
  /** Leaves the first size of so many operands open. */
  readonly symbolic?: number;
  /** The straight-through rules are no derivatives: what the gradient has to be instead. */
  readonly expected?: (x: number, upstream: number) => number;
}

export interface Checked {
  readonly worst: number;
  readonly elements: number;
  /** Operators outside the standard in the graph that computes the gradient. */
  readonly foreign: readonly string[];
}

/** Values that lie apart keep six of these between them, so a probe of two never crosses a kink. */
const STEP = 0.01;
/** Float32 kernels round where float64 ones do not; smooth operators allow a step that drowns the rounding. */
const LONG_STEP = 0.05;

export async function checkGradient(one: GradientCase, seed: number): Promise<Checked> {
  const random = seeded(seed);
  const values = spreadOver(one.operands, random);
  await using probe = await openProbe(one, values);
  const names = one.operands.map((_, i) => `x${i}`);
  const forward = await probe.outputs(one, values);
  const upstream = forward.map(({ dims }) => float32(dims, random.normals(elementCount(dims), 1)));
  const { bytes, foreign } = backwardGraph(one, upstream);
  await using session = await openSession(bytes);
  const feeds: Record<string, Tensor> = {};
  one.operands.forEach(({ shape }, i) => (feeds[`x${i}`] = float32(shape, values[i] ?? [])));
  upstream.forEach((tensor, i) => (feeds[`upstream${i}`] = tensor));
  const used = Object.fromEntries(
    Object.entries(feeds).filter(([name]) => session.inputNames.includes(name)),
  );
  const found = await session.run(used);
  await using original = new Probe(await openSession(forwardGraph(one, T.FLOAT)), T.FLOAT);
  let worst = largestChange(await original.outputs(one, values), found);
  let elements = 0;
  for (const [i, name] of names.entries()) {
    const expected = await differences(one, probe, values, i, upstream);
    worst = Math.max(worst, largestError(numbersOf(found[`d_${name}`]), expected));
    elements += expected.length;
  }
  return { worst, elements, foreign };
}

const numbersOf = (tensor: Tensor | undefined): number[] =>
  tensor === undefined ? [] : numberValues(tensor);

/** Decompositions must not change the value. */
function largestChange(forward: readonly Tensor[], found: Tensors): number {
  const changes = forward.flatMap((tensor, k) => {
    const again = numbersOf(found[`y${k}`]);
    return numbersOf(tensor).map((value, i) => Math.abs(value - (again[i] ?? Number.NaN)));
  });
  return Math.max(0, ...changes);
}

/** Relative to the larger of the two; elements under a tenth of the largest are held to that tenth, where float32 ends. */
function largestError(found: readonly number[], expected: readonly number[]): number {
  if (found.length !== expected.length) return Infinity;
  const floor = 0.1 * Math.max(1e-6, ...expected.map(Math.abs));
  return Math.max(
    0,
    ...found.map((a, i) => {
      const b = expected[i] ?? Number.NaN;
      const error = Math.abs(a - b) / Math.max(Math.abs(a), Math.abs(b), floor);
      return Number.isNaN(error) ? Infinity : error;
    }),
  );
}

async function differences(
  one: GradientCase,
  probe: Probe,
  values: readonly (readonly number[])[],
  which: number,
  upstream: readonly Tensor[],
): Promise<number[]> {
  const { expected } = one;
  if (expected !== undefined && which === 0)
    return (values[0] ?? []).map((x, i) => expected(x, Number(upstream[0]?.data[i])));
  const result: number[] = [];
  const hasKinks = one.operands.some(({ spread }) => spread === 'apart');
  const step = probe.dataType === T.FLOAT && !hasKinks ? LONG_STEP : STEP;
  for (let i = 0; i < (values[which]?.length ?? 0); i++) {
    const at = async (offset: number): Promise<number> => {
      const moved = values.map((list, k) => (k === which ? list.with(i, (list[i] ?? 0) + offset) : list));
      return probe.weigh(one, moved, upstream);
    };
    // Five points: the error falls with the fourth power of the step.
    const [near, far] = [(await at(step)) - (await at(-step)), (await at(2 * step)) - (await at(-2 * step))];
    result.push((8 * near - far) / (12 * step));
  }
  return result;
}

class Probe implements AsyncDisposable {
  constructor(
    private readonly session: Session,
    readonly dataType: T.FLOAT | T.DOUBLE,
  ) {}

  async outputs(one: GradientCase, values: readonly (readonly number[])[]): Promise<Tensor[]> {
    const outputs = await this.session.run(this.feeds(one, values));
    return Object.entries(outputs)
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([, tensor]) => tensor);
  }

  /** The outputs weighed with what arrives from above, summed. */
  async weigh(
    one: GradientCase,
    values: readonly (readonly number[])[],
    upstream: readonly Tensor[],
  ): Promise<number> {
    const outputs = await this.session.run(this.feeds(one, values));
    let sum = 0;
    upstream.forEach(({ data: weights }, k) => {
      const data = outputs[`y${k}`]?.data ?? [];
      for (let i = 0; i < data.length; i++) sum += Number(data[i]) * Number(weights[i]);
    });
    return sum;
  }

  private feeds(one: GradientCase, values: readonly (readonly number[])[]): Tensors {
    return Object.fromEntries(
      one.operands.flatMap(({ shape }, i) => {
        const list = values[i] ?? [];
        const data = this.dataType === T.FLOAT ? Float32Array.from(list) : Float64Array.from(list);
        const name = `x${i}`;
        return this.session.inputNames.includes(name)
          ? [[name, { dataType: this.dataType, dims: shape, data }]]
          : [];
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session.close();
  }
}

/** Operators whose float64 kernel loads and then fails: probed as what they are made of. */
const FAILS_IN_FLOAT64 = new Set(['LSTM', 'GRU']);

/** Convolutions and some others have float32 kernels alone. */
async function openProbe(one: GradientCase, values: readonly (readonly number[])[]): Promise<Probe> {
  const asItIs = [T.DOUBLE, () => forwardGraph(one, T.DOUBLE)] as const;
  const inParts = [T.DOUBLE, () => decomposed(forwardGraph(one, T.DOUBLE)).graph.write()] as const;
  const attempts = FAILS_IN_FLOAT64.has(one.operator) ? [inParts] : [asItIs, inParts];
  for (const [dataType, bytes] of attempts) {
    try {
      const probe = new Probe(await openSession(bytes()), dataType);
      await probe.outputs(one, values);
      return probe;
    } catch {
      // The next attempt, or float32.
    }
  }
  return new Probe(await openSession(forwardGraph(one, T.FLOAT)), T.FLOAT);
}

function decomposed(bytes: Uint8Array): Writer {
  const graph = Graph.read(bytes);
  modernise(graph);
  return lowered(graph, {});
}

function forwardGraph(one: GradientCase, dataType: T.FLOAT | T.DOUBLE): Uint8Array {
  const g = new GraphBuilder({ opset: one.opset ?? 21, domains: { 'com.microsoft': 1 } });
  const names = one.operands.map(({ shape }, i) =>
    g.input(`x${i}`, dataType, i < (one.symbolic ?? 0) ? ['batch', ...shape.slice(1)] : shape),
  );
  let constants = 0;
  const real = (dims: readonly number[], values: readonly number[]): string =>
    g.constant(`real${constants++}`, {
      dataType,
      dims,
      data: dataType === T.FLOAT ? Float32Array.from(values) : Float64Array.from(values),
    });
  const outputs = [one.build(g, names, real)].flat();
  outputs.forEach((name, i) => g.op('Identity', [name], {}, { outputs: [`y${i}`] }));
  g.graph.output.push(...outputs.map((_, i) => create(ValueInfoProtoSchema, { name: `y${i}` })));
  return g.bytes();
}

function backwardGraph(
  one: GradientCase,
  upstream: readonly Tensor[],
): { bytes: Uint8Array; foreign: string[] } {
  const write = decomposed(forwardGraph(one, T.FLOAT));
  const { graph } = write;
  const seeds = new Map(upstream.map((_, i) => [`y${i}`, `upstream${i}`]));
  for (const [i, { dims }] of upstream.entries()) {
    graph.proto.input.push(valueInfo(`upstream${i}`, T.FLOAT, one.symbolic === undefined ? dims : undefined));
  }
  const names = one.operands.map((_, i) => `x${i}`);
  const gradients = writeGradients(write, seeds, names, one.forms);
  for (const name of names) {
    graph.add('Identity', [gradients.get(name) ?? write.zerosLike(name)], {}, [`d_${name}`]);
    graph.proto.output.push(create(ValueInfoProtoSchema, { name: `d_${name}` }));
  }
  const foreign = graph.nodes.filter(({ domain }) => domain !== '').map(({ opType }) => opType);
  return { bytes: graph.write(), foreign };
}

function spreadOver(operands: readonly Operand[], random: Seeded): number[][] {
  const counts = operands.map(({ shape, spread }) => (spread === 'apart' ? elementCount(shape) : 0));
  const distinct = shuffledSteps(
    counts.reduce((a, b) => a + b, 0),
    random,
  );
  return operands.map(({ shape, spread = 'normal' }) => {
    const count = elementCount(shape);
    if (spread === 'apart') return distinct.splice(0, count);
    return Array.from({ length: count }, () =>
      spread === 'normal' ? random.normal() : 0.5 + 1.5 * random.uniform(),
    );
  });
}

/** Distinct multiples of six steps in a random order, shifted so that none is near 0. */
function shuffledSteps(count: number, random: Seeded): number[] {
  return Array.from({ length: count }, (_, i) => ({
    value: (i - Math.floor(count / 2) + 0.5) * 6 * STEP,
    key: random.uniform(),
  }))
    .sort((a, b) => a.key - b.key)
    .map(({ value }) => value);
}
