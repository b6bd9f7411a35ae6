// Rewrites a graph of opset 7 to 20 as one of opset 21: attributes that became inputs, defaults that changed. Everything
// that is written into graphs for training can then rely on one set of forms. The file that is exported keeps its own.
import { findAttribute, floatOf, floatsOf, intOf, intsOf, setAttribute } from '../../attributes.js';
import type { Graph } from '../../graph.js';
import type { NodeProto } from '../../proto/onnx_pb.js';
import { inferShapes } from '../../shape.js';
import { float32, int64, type Tensor } from '../../tensor.js';
import { variant } from '../../variant.js';

const OPSET = 21;

/** `rankOf`: of a value of the graph as it was given; undefined where nothing says. */
type Change = (graph: Graph, node: NodeProto, rankOf: (value: string) => number | undefined) => void;
interface Raise {
  /** The opset that changed the operator: older graphs need the change. */
  readonly since: number;
  readonly change: Change;
}

/** Works in place. Operators without an entry mean the same in both. Throws MODEL_REFUSED where shapes contradict each other. */
export function modernise(graph: Graph): void {
  const from = graph.opset;
  if (from >= OPSET) return;
  const types = from < 13 ? inferShapes(graph) : undefined; // before anything changes: shapes go by the opset
  const rankOf = (value: string): number | undefined => types?.get(value)?.shape?.length;
  for (const node of Array.from(graph.nodes)) {
    if (node.domain !== '' && node.domain !== 'ai.onnx') continue;
    for (const { since, change } of RAISES[node.opType] ?? []) {
      if (from < since) graph.edit(node, () => change(graph, node, rankOf));
    }
  }
  // New entries: a copy of a graph shares them with the original, which stays what it is.
  graph.model.opsetImport = graph.model.opsetImport.map((one) =>
    one.domain === '' || one.domain === 'ai.onnx' ? variant(one, { version: BigInt(OPSET) }) : one,
  );
  if (graph.model.irVersion < 10n) graph.model.irVersion = 10n;
}

function setInput(graph: Graph, node: NodeProto, i: number, value: Tensor): void {
  while (node.input.length < i) node.input.push('');
  node.input[i] = graph.setConstant(graph.fresh(`${node.opType}_input`), value);
}

/** An attribute of integers as the i-th input. */
const toInput =
  (name: string, i: number) =>
  (graph: Graph, node: NodeProto): void => {
    const values = intsOf(node, name);
    setAttribute(node, name, undefined);
    if (values !== undefined && values.length > 0) setInput(graph, node, i, int64([values.length], values));
  };

const slice: Change = (graph, node) => {
  toInput('starts', 1)(graph, node);
  toInput('ends', 2)(graph, node);
  toInput('axes', 3)(graph, node);
};

const pad: Change = (graph, node) => {
  toInput('pads', 1)(graph, node);
  const value = floatOf(node, 'value', 0);
  setAttribute(node, 'value', undefined);
  if (value !== 0) setInput(graph, node, 2, float32([], [value]));
};

const clip: Change = (graph, node) => {
  for (const [i, name] of ['min', 'max'].entries()) {
    const bound = findAttribute(node, name)?.f;
    setAttribute(node, name, undefined);
    if (bound !== undefined) setInput(graph, node, i + 1, float32([], [bound]));
  }
};

const dropout: Change = (graph, node) => {
  const ratio = floatOf(node, 'ratio', 0.5);
  setAttribute(node, 'ratio', undefined);
  setInput(graph, node, 1, float32([], [ratio]));
};

const splitEvenly: Change = (_, node) => {
  if ((node.input[1] ?? '') === '') setAttribute(node, 'num_outputs', node.output.length);
};

/** Up to opset 12 everything from the axis on was one long axis; the last one is long by itself. */
const flatSoftmax: Change = (graph, node, rankOf) => {
  const axis = intOf(node, 'axis', 1);
  setAttribute(node, 'axis', -1);
  if (axis === -1 || axis + 1 === rankOf(node.input[0] ?? '')) return;
  const [x, y] = [node.input[0] ?? '', node.output[0] ?? ''];
  const sizes = graph.add('Shape', [x]).output[0] ?? '';
  const [flat] = graph.add('Flatten', [x], { axis }).output;
  node.input[0] = flat ?? '';
  node.output[0] = graph.fresh('flat_softmax');
  node.name = node.output[0];
  graph.add('Reshape', [node.output[0], sizes], {}, [y]);
};

/** Running statistics as further outputs, which inference ignored. */
const batchNorm: Change = (_, node) => {
  setAttribute(node, 'spatial', undefined);
  node.output = node.output.slice(0, 1);
};

const upsample: Change = (graph, node) => {
  const scales = floatsOf(node, 'scales');
  setAttribute(node, 'scales', undefined);
  const given = node.input[1] ?? '';
  node.opType = 'Resize';
  node.input = [node.input[0] ?? '', '', given];
  if (scales !== undefined) setInput(graph, node, 2, float32([scales.length], scales));
  setAttribute(node, 'coordinate_transformation_mode', 'asymmetric');
  setAttribute(node, 'nearest_mode', 'floor');
};

const topK: Change = (graph, node) => {
  const k = intOf(node, 'k', 1);
  setAttribute(node, 'k', undefined);
  setInput(graph, node, 1, int64([1], [k]));
};

const axesInput: Raise[] = [{ since: 18, change: toInput('axes', 1) }];
const softmax: Raise[] = [{ since: 13, change: flatSoftmax }];

const RAISES: Readonly<Record<string, readonly Raise[]>> = {
  Squeeze: [{ since: 13, change: toInput('axes', 1) }],
  Unsqueeze: [{ since: 13, change: toInput('axes', 1) }],
  ReduceSum: [{ since: 13, change: toInput('axes', 1) }],
  ReduceMean: axesInput,
  ReduceMax: axesInput,
  ReduceMin: axesInput,
  ReduceProd: axesInput,
  ReduceL1: axesInput,
  ReduceL2: axesInput,
  ReduceLogSum: axesInput,
  ReduceLogSumExp: axesInput,
  ReduceSumSquare: axesInput,
  Softmax: softmax,
  LogSoftmax: softmax,
  Hardmax: softmax,
  Split: [
    { since: 13, change: toInput('split', 1) },
    { since: 18, change: splitEvenly },
  ],
  Slice: [{ since: 10, change: slice }],
  Pad: [{ since: 11, change: pad }],
  Clip: [{ since: 11, change: clip }],
  Dropout: [{ since: 12, change: dropout }],
  BatchNormalization: [{ since: 14, change: batchNorm }],
  Upsample: [{ since: OPSET, change: upsample }],
  Resize: [
    {
      since: 11,
      change: (_, node) => {
        node.input = [node.input[0] ?? '', '', node.input[1] ?? ''];
        setAttribute(node, 'coordinate_transformation_mode', 'asymmetric');
        setAttribute(node, 'nearest_mode', 'floor');
      },
    },
  ],
  TopK: [{ since: 10, change: topK }],
  Scatter: [{ since: OPSET, change: (_, node) => void (node.opType = 'ScatterElements') }],
};
