// What LSTM and GRU share when they are unrolled: one Gemm computes the input's part of all gates of all steps, then each
// step adds the state's part. The sequence length must be a number; batch may vary.
import { intOf, stringOf, stringsOf } from '../../attributes.js';
import { TensorProto_DataType as T, type NodeProto } from '../../proto/onnx_pb.js';
import type { Writer } from '../writer.js';
import { given, inputOf, unsupported } from './lowering.js';

const MOST_STEPS = 512; // beyond, the unrolled graph takes longer to load than to run

/** The weights of one direction. */
export interface Direction {
  /** Input's part of the gates, one value [batch, gates * hidden] per step, in the order of computation. */
  readonly gates: readonly string[];
  /** [gates * hidden, hidden] */
  readonly recurrent: string;
  /** [gates * hidden]; undefined where it is in `gates` already, or absent. */
  readonly recurrentBias: string | undefined;
}

export type State = readonly string[];

/** One step: gates of the input and the state before, to the state after. An undefined state is all zeros. */
export type Cell = (direction: Direction, gates: string, state: State | undefined) => State;

export interface Layout {
  readonly gateCount: number;
  /** Which inputs hold first states: hidden, and cell for LSTM. */
  readonly initial: readonly number[];
  /** Whether the recurrent bias must be added apart: GRU with linear_before_reset multiplies it. */
  readonly separateBias: boolean;
}

/** Y, Y_h and further last states. */
export function unrolled(write: Writer, node: NodeProto, layout: Layout, cell: Cell): string[] {
  refuseOddities(node);
  const batchFirst = intOf(node, 'layout', 0) === 1;
  const x = batchFirst ? write.op('Transpose', [inputOf(node, 0)], { perm: [1, 0, 2] }) : inputOf(node, 0);
  const steps = write.size(inputOf(node, 0), batchFirst ? 1 : 0);
  if (steps > MOST_STEPS) throw unsupported(node, `${steps} steps; ${MOST_STEPS} can be unrolled`);
  const width = write.size(inputOf(node, 0), 2);
  const rows = write.op('Reshape', [x, write.ints([-1, width])]);
  const live = masks(write, node, steps);
  const way = stringOf(node, 'direction', 'forward');
  const reversed = way === 'bidirectional' ? [false, true] : [way === 'reverse'];
  const ways = reversed.map((back, d) => {
    const direction = directionOf(write, node, layout, rows, steps, d);
    const first = initialState(write, node, layout, d);
    return runThrough(write, direction, { back, live, first, cell, steps, node });
  });
  return assemble(write, ways, layout, batchFirst);
}

function refuseOddities(node: NodeProto): void {
  const usual = new Set(['sigmoid', 'tanh']);
  const activations = (stringsOf(node, 'activations') ?? []).map((one) => one.toLowerCase());
  const gatesAreUsual = activations.every(
    (one, i) => usual.has(one) && (one === 'sigmoid') === (i % (node.opType === 'LSTM' ? 3 : 2) === 0),
  );
  if (!gatesAreUsual) throw unsupported(node, `activations ${activations.join(', ')}`);
  if (node.attribute.some(({ name }) => name === 'clip')) throw unsupported(node, 'clip');
  if (intOf(node, 'input_forget', 0) !== 0) throw unsupported(node, 'input_forget');
  if (node.opType === 'LSTM' && given(node, 7) !== undefined) throw unsupported(node, 'peepholes');
}

function directionOf(
  write: Writer,
  node: NodeProto,
  { gateCount, separateBias }: Layout,
  rows: string,
  steps: number,
  d: number,
): Direction {
  const pick = (name: string): string => write.op('Gather', [name, write.ints(d)], { axis: 0 });
  const hidden = write.size(inputOf(node, 2), 2);
  const bias = given(node, 3);
  const size = gateCount * hidden;
  const [inputBias, stateBias] =
    bias === undefined ? [] : write.ops('Split', [pick(bias), write.ints([size, size])], 2, { axis: 0 });
  const added =
    inputBias === undefined || stateBias === undefined
      ? []
      : [separateBias ? inputBias : write.op('Add', [inputBias, stateBias])];
  const all = write.op('Gemm', [rows, pick(inputOf(node, 1)), ...added], { transB: 1 });
  const gates = steps === 1 ? [all] : write.ops('Split', [all], steps, { axis: 0, num_outputs: steps });
  return { gates, recurrent: pick(inputOf(node, 2)), recurrentBias: separateBias ? stateBias : undefined };
}

function initialState(write: Writer, node: NodeProto, { initial }: Layout, d: number): State | undefined {
  const names = initial.map((i) => given(node, i));
  if (names.every((name) => name === undefined)) return undefined;
  const batchFirst = intOf(node, 'layout', 0) === 1;
  const known = names.find((name) => name !== undefined);
  return names.map((name) => {
    const state = name ?? write.zerosLike(known ?? '');
    return write.op('Gather', [state, write.ints(d)], { axis: batchFirst ? 1 : 0 });
  });
}

/** Per step which rows are still inside their sequence, [batch, 1]; none where all sequences are full. */
function masks(write: Writer, node: NodeProto, steps: number): readonly string[] | undefined {
  const lengths = given(node, 4);
  if (lengths === undefined) return undefined;
  const wide = write.op('Unsqueeze', [write.op('Cast', [lengths], { to: T.INT64 }), write.ints([1])]);
  return Array.from({ length: steps }, (_, t) => write.op('Greater', [wide, write.ints(t)]));
}

interface Run {
  readonly back: boolean;
  readonly live: readonly string[] | undefined;
  readonly first: State | undefined;
  readonly cell: Cell;
  readonly steps: number;
  readonly node: NodeProto;
}

interface Way {
  /** Hidden states by position in the sequence, [batch, hidden]. */
  readonly hidden: readonly string[];
  readonly last: State;
}

function runThrough(write: Writer, direction: Direction, run: Run): Way {
  const hidden: string[] = [];
  let state = run.first;
  for (let i = 0; i < run.steps; i++) {
    const t = run.back ? run.steps - 1 - i : i;
    const next = run.cell(direction, direction.gates[t] ?? '', state);
    const mask = run.live?.[t];
    const zero = mask === undefined ? '' : write.float(0, inputOf(run.node, 0));
    // Outside its sequence a row keeps its state and answers zero.
    hidden[t] = mask === undefined ? (next[0] ?? '') : write.op('Where', [mask, next[0] ?? '', zero]);
    const before = state;
    state =
      mask === undefined ? next : next.map((one, k) => write.op('Where', [mask, one, before?.[k] ?? zero]));
  }
  return { hidden, last: state ?? [] };
}

function assemble(write: Writer, ways: readonly Way[], layout: Layout, batchFirst: boolean): string[] {
  const stack = (names: readonly string[], axes: readonly number[], axis: number): string => {
    const parts = names.map((name) => write.op('Unsqueeze', [name, write.ints(axes)]));
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : write.op('Concat', parts, { axis });
  };
  const perWay = ways.map(({ hidden }) => (batchFirst ? stack(hidden, [1, 2], 1) : stack(hidden, [0, 1], 0)));
  const [only] = perWay;
  const axis = batchFirst ? 2 : 1;
  const y = perWay.length === 1 && only !== undefined ? only : write.op('Concat', perWay, { axis });
  const lasts = layout.initial.map((_, k) => {
    const states = ways.map(({ last }) => last[k] ?? '');
    return batchFirst ? stack(states, [1], 1) : stack(states, [0], 0);
  });
  return [y, ...lasts];
}
