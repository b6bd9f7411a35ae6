// What running a node costs: multiplications, bytes of weights, bytes of results. Planner, compressor and reports ask;
// measured times (profile.ts) are better where they can be had.
import { intOf } from './attributes.js';
import { liveValues } from './cut-points.js';
import { elementType, rawBytes } from './data-type.js';
import type { Graph } from './graph.js';
import type { NodeProto, TensorProto } from './proto/onnx_pb.js';
import { inferShapes, type Inferred, type InferOptions } from './shape.js';
import { usedNames } from './subgraphs.js';
import { elementCount } from './tensor.js';

export interface NodeCost {
  readonly node: NodeProto;
  /** Multiply-accumulates; 0 for operators that only move or map elements. */
  readonly macs: number;
  /** Constants that the node reads. One that several nodes share is counted at each of them. */
  readonly parameterBytes: number;
  /** Bytes of its outputs. */
  readonly activationBytes: number;
  /** False where a size was not known, or the node runs a body: the figures are then lower bounds. */
  readonly known: boolean;
}

export interface GraphCost {
  readonly nodes: readonly NodeCost[];
  readonly macs: number;
  /** Every constant once. */
  readonly parameterBytes: number;
  /** The most bytes of values alive at one time, inputs included. */
  readonly peakActivationBytes: number;
  readonly known: boolean;
}

/** Sizes that vary must be bound for figures to be known: `costOf(graph, { bind: { batch: 1 } })`. */
export function costOf(graph: Graph, options: InferOptions = {}): GraphCost {
  const types = inferShapes(graph, options);
  const { order, live } = liveValues(graph);
  const nodes = order.map((node) => nodeCost(graph, node, types));
  const constants = new Set(
    order.flatMap((node) => [...usedNames(node)]).filter((name) => graph.isConstant(name)),
  );
  const alive = live.map((names) => sum(names.map((name) => valueBytes(types.get(name)))));
  return {
    nodes,
    macs: sum(nodes.map((cost) => cost.macs)),
    parameterBytes: sum([...constants].map((name) => valueBytes(types.get(name)))),
    peakActivationBytes: Math.max(0, ...alive),
    known: nodes.every((cost) => cost.known),
  };
}

/** NaN-free: 0 where type or sizes are unknown. */
export function valueBytes(type: Inferred | undefined): number {
  const element = elementType(type?.dataType ?? 0);
  const count = countOf(type);
  return element === undefined || count === undefined ? 0 : rawBytes(element, count);
}

function nodeCost(graph: Graph, node: NodeProto, types: ReadonlyMap<string, Inferred>): NodeCost {
  const inputs = node.input.map((name) => types.get(name));
  const outputs = node.output.filter((name) => name !== '').map((name) => types.get(name));
  const bodies = node.attribute.flatMap(({ g }) => (g === undefined ? [] : [g]));
  const macs = MACS[node.opType]?.(node, inputs, outputs) ?? 0;
  const constants = [...usedNames(node)]
    .filter((name) => graph.isConstant(name))
    .map((name) => valueBytes(types.get(name)));
  const inside = bodies.flatMap((body) => body.initializer.map(tensorBytes));
  return {
    node,
    macs: Number.isFinite(macs) ? macs : 0,
    parameterBytes: sum([...constants, ...inside]),
    activationBytes: sum(outputs.map(valueBytes)),
    known:
      bodies.length === 0 && Number.isFinite(macs) && outputs.every((type) => countOf(type) !== undefined),
  };
}

type Types = readonly (Inferred | undefined)[];
type Macs = (node: NodeProto, inputs: Types, outputs: Types) => number;

/** Output elements times the window and the channels that each one reads. */
const convolution =
  (weights: number): Macs =>
  (_, inputs, [y]) =>
    count(y) * elementCount(sizes(inputs[weights]).slice(1));

const matMul =
  (left: number): Macs =>
  (node, inputs, [y]) =>
    count(y) * (sizes(inputs[left]).at(intOf(node, 'transA', 0) === 0 ? -1 : -2) ?? 1);

/** Each step multiplies the gates' weights with input and state. */
const recurrent: Macs = (_, [x, w, r]) => {
  const [steps = NaN, batch = NaN] = sizes(x);
  return steps * batch * (count(w) + count(r));
};

const attention: Macs = (_, inputs, [y, present]) => {
  // Scores and weighted sum: every output element takes part twice per key.
  const keys = sizes(present)[2] ?? sizes(inputs[1]).at(-2) ?? NaN;
  return 2 * count(y) * keys;
};

const MACS: Readonly<Record<string, Macs>> = {
  Conv: convolution(1),
  FusedConv: convolution(1),
  ConvInteger: convolution(1),
  QLinearConv: convolution(3),
  ConvTranspose: (_, [x, w]) => count(x) * elementCount(sizes(w).slice(1)),
  MatMul: matMul(0),
  Gemm: matMul(0),
  FusedMatMul: matMul(0),
  FusedGemm: matMul(0),
  MatMulInteger: matMul(0),
  MatMulIntegerToFloat: matMul(0),
  DynamicQuantizeMatMul: matMul(0),
  QLinearMatMul: matMul(0),
  QGemm: matMul(0),
  MatMulNBits: matMul(0),
  LSTM: recurrent,
  GRU: recurrent,
  RNN: recurrent,
  Attention: attention,
};

/** NaN where a size has only a name, which makes the figure above unknown. */
const sizes = (type: Inferred | undefined): number[] =>
  type?.shape?.map((dim) => (typeof dim === 'number' ? dim : NaN)) ?? [NaN];
const count = (type: Inferred | undefined): number => elementCount(sizes(type));

function countOf(type: Inferred | undefined): number | undefined {
  const elements = count(type);
  return Number.isNaN(elements) ? undefined : elements;
}

function tensorBytes(tensor: TensorProto): number {
  const element = elementType(tensor.dataType);
  return element === undefined ? 0 : rawBytes(element, elementCount(tensor.dims.map(Number)));
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
