// Fits what follows a smaller feature map to it. Windows and everything element by element follow by themselves; both sides of a sum or a
// Concat get the same size; the weights behind a Flatten are summed over what each new place covers, which equals the old weights on the new map blown
// up again. What is not understood refuses, naming the node.
import { intOf, intsOf, stringOf } from '../attributes.js';
import type { Graph } from '../graph.js';
import type { NodeProto } from '../proto/onnx_pb.js';
import { nodeLabel, refusal } from '../refusal.js';
import type { Inferred } from '../shape.js';
import { windowOf } from '../shape/window.js';
import { int64, numberValues } from '../tensor.js';
import { summed } from './summed-weights.js';
import { writeRegion } from './region.js';
import { type View } from './view.js';

/** Of a value that changed: `flat` once its places and channels lie in one row, with the channels and sizes of before. */
export interface Changed extends View {
  readonly before: { readonly channels: number; readonly height: number; readonly width: number };
  readonly flat?: true;
}

const ONE_BY_ONE = new Set(
  'Relu LeakyRelu Sigmoid Tanh Clip HardSwish HardSigmoid Gelu Erf Softplus Elu Selu Mish Dropout Identity Neg Abs Sqrt Exp Log Pow Cast PRelu Floor Ceil Round'.split(
    ' ',
  ),
);
const BY_CHANNEL = new Set(['BatchNormalization', 'InstanceNormalization', 'LRN']);
const BINARY = new Set('Add Sub Mul Div Max Min Sum'.split(' '));
const WINDOWS = new Set(['Conv', 'MaxPool', 'AveragePool', 'LpPool']);
const GLOBAL = new Set(['GlobalAveragePool', 'GlobalMaxPool', 'GlobalLpPool']);

/** `types`: of the graph before; `changed`: where it begins, filled up on the way. Throws MODEL_REFUSED. */
export function fit(graph: Graph, types: ReadonlyMap<string, Inferred>, changed: Map<string, Changed>): void {
  for (const node of graph.ordered()) {
    const first = node.input.map((name) => changed.get(name)).find((one) => one !== undefined);
    // What makes a changed value was fitted where it was changed.
    if (first === undefined || changed.has(node.output[0] ?? '')) continue;
    const after = first.flat ? fitRow(graph, node, first) : fitMap(graph, node, first, types, changed);
    if (after !== undefined) changed.set(node.output[0] ?? '', after);
  }
  const open = graph.outputs.find(({ name }) => changed.has(name));
  if (open !== undefined)
    throw refusal(`The output "${open.name}" would be smaller: callers are promised its size.`, {
      tensor: open.name,
    });
  graph.proto.valueInfo = []; // declared sizes in between are those of before
}

function fitMap(
  graph: Graph,
  node: NodeProto,
  first: Changed,
  types: ReadonlyMap<string, Inferred>,
  changed: ReadonlyMap<string, Changed>,
): Changed | undefined {
  const { opType } = node;
  if (ONE_BY_ONE.has(opType) || BY_CHANNEL.has(opType)) return first;
  if (WINDOWS.has(opType) && node.output.length === 1) return windowed(node, first, types);
  if (GLOBAL.has(opType) || averagesPlaces(graph, node)) return undefined;
  if (BINARY.has(opType) || (opType === 'Concat' && [1, -3].includes(intOf(node, 'axis', 1)))) {
    alike(graph, node, first, types, changed);
    return opType === 'Concat' ? withChannels(first, node, types) : first;
  }
  if (opType === 'Flatten' && intOf(node, 'axis', 1) === 1) return { ...first, flat: true };
  if (opType === 'Reshape' && flattens(graph, node, first)) return { ...first, flat: true };
  throw refusal(`${nodeLabel(node)} does not follow a map of another size.`, { node: node.name });
}

/** Sizes as shape inference would find them, and no smaller than the window. */
function windowed(node: NodeProto, first: Changed, types: ReadonlyMap<string, Inferred>): Changed {
  const kernel =
    types
      .get(node.input[1] ?? '')
      ?.shape?.slice(2)
      .map(Number) ?? [];
  const window = windowOf({ node }, 2, node.opType === 'Conv' ? kernel : []);
  const auto = stringOf(node, 'auto_pad', 'NOTSET');
  const ceil = intOf(node, 'ceil_mode', 0) !== 0;
  const sizes = [first.height, first.width].map((size, i): number => {
    const [stride = 1, dilation = 1, width = 1] = [window.strides[i], window.dilations[i], window.kernel[i]];
    if (auto.startsWith('SAME')) return Math.ceil(size / stride);
    const pads = auto === 'VALID' ? 0 : (window.pads[i] ?? 0) + (window.pads[i + 2] ?? 0);
    const room = size + pads - dilation * (width - 1) - 1;
    if (room < 0)
      throw refusal(`${nodeLabel(node)} has a window of ${width}, and ${size} would be left.`, {
        node: node.name,
      });
    return (ceil ? Math.ceil(room / stride) : Math.floor(room / stride)) + 1;
  });
  const [height = 1, width = 1] = sizes;
  return withChannels({ ...first, height, width }, node, types);
}

function withChannels(view: Changed, node: NodeProto, types: ReadonlyMap<string, Inferred>): Changed {
  return { ...view, before: mapSizes(node.output[0] ?? '', types) };
}

/** Channels and sizes of a map. Throws MODEL_REFUSED where they are not known. */
export function mapSizes(value: string, types: ReadonlyMap<string, Inferred>): Changed['before'] {
  const [, channels, height, width] = types.get(value)?.shape ?? [];
  if (typeof channels !== 'number' || typeof height !== 'number' || typeof width !== 'number')
    throw refusal(`The sizes of "${value}" are not known.`, { tensor: value });
  return { channels, height, width };
}

/** The other sides of a sum or a Concat get the size of the first. */
function alike(
  graph: Graph,
  node: NodeProto,
  first: Changed,
  types: ReadonlyMap<string, Inferred>,
  changed: ReadonlyMap<string, Changed>,
): void {
  for (const name of new Set(node.input)) {
    const known = changed.get(name);
    if (known?.height === first.height && known.width === first.width) continue;
    const shape = types.get(name)?.shape ?? [];
    const spread = shape.slice(-2).every((size) => size === 1) || shape.length < 2;
    if (spread && node.opType !== 'Concat') continue;
    if (known !== undefined || graph.isConstant(name))
      throw refusal(`${nodeLabel(node)} would join maps of different sizes.`, { node: node.name });
    const smaller = writeRegion(graph, name, mapSizes(name, types), first);
    graph.edit(node, () => (node.input = node.input.map((one) => (one === name ? smaller : one))));
  }
}

function averagesPlaces(graph: Graph, node: NodeProto): boolean {
  if (!['ReduceMean', 'ReduceMax', 'ReduceSum'].includes(node.opType)) return false;
  const given = node.input[1] === undefined ? undefined : graph.constant(node.input[1]);
  const axes = intsOf(node, 'axes') ?? (given === undefined ? [] : numberValues(given));
  return (
    axes
      .map((axis) => (axis < 0 ? axis + 4 : axis))
      .toSorted((a, b) => a - b)
      .join() === '2,3'
  );
}

/** [batch, channels x height x width], however it is written; the written width becomes -1. */
function flattens(graph: Graph, node: NodeProto, { before }: Changed): boolean {
  const shape = graph.constant(node.input[1] ?? '');
  const [rows, width, ...more] = shape === undefined ? [] : numberValues(shape);
  if (rows === undefined || width === undefined || more.length > 0) return false;
  if (width !== -1 && width !== before.channels * before.height * before.width) return false;
  if (rows === -1 && width === -1) return false;
  const kept = graph.setConstant(graph.fresh('flat'), int64([2], [Math.max(0, rows), -1]));
  graph.edit(node, () => (node.input = node.input.with(1, kept)));
  return true;
}

function fitRow(graph: Graph, node: NodeProto, row: Changed): Changed | undefined {
  if (ONE_BY_ONE.has(node.opType)) return row;
  const [, weight = ''] = node.input;
  const tensor = graph.constant(weight);
  if (
    !['Gemm', 'MatMul'].includes(node.opType) ||
    tensor?.dims.length !== 2 ||
    intOf(node, 'transA', 0) === 1
  )
    throw refusal(`${nodeLabel(node)} reads a flattened map and has no weights for its places.`, {
      node: node.name,
    });
  const name = graph.setConstant(
    graph.fresh(`${weight}.pooled`),
    summed(tensor, intOf(node, 'transB', 0) === 1 ? 1 : 0, row),
  );
  graph.edit(node, () => (node.input = node.input.with(1, name)));
  return undefined;
}
