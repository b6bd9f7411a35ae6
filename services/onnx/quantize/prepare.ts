// A model in the form that quantization works on: opset 21, weights in initialisers, what onnxruntime folds folded (batch norms
// above all), dense layers of any rank as Gemm with their bias, which is the one form that runs in integers as a whole.
import { absorbConstants } from './absorb.js';
import { joinHardSwish } from './hard-swish.js';
import { joinReshapes } from './reshapes.js';
import { constantsToInitialisers } from '../training/modes.js';
import { removeDeadNodes } from '../dead-nodes.js';
import type { ExternalData } from '../external-data.js';
import { modernise } from '../gradient/lowering/modern.js';
import { Graph } from '../graph.js';
import { optimised } from '../optimised.js';
import { TensorProto_DataType as T, type NodeProto } from '../proto/onnx_pb.js';
import { nodeLabel, refusal } from '../refusal.js';
import { inferShapes, type Inferred } from '../shape.js';
import { int64 } from '../tensor.js';

const QUANTIZED = /^(De)?Quantize|^DynamicQuantize|^QLinear|^QGemm$|Integer|^MatMulNBits$/;

/** `dense` says whether MatMul and Add become one Gemm. Throws MODEL_REFUSED where the model is quantized or float16 already: rounding twice hides the first error. */
export async function prepared(
  model: Uint8Array,
  external?: ExternalData,
  dense: 'whole' | 'apart' = 'whole',
): Promise<Graph> {
  const given = Graph.read(model, external);
  const rounded = given.nodes.find(({ opType }) => QUANTIZED.test(opType));
  if (rounded !== undefined)
    throw refusal(
      `${nodeLabel(rounded)} shows that the model is quantized already: begin with the float model.`,
      {
        node: rounded.name,
      },
    );
  const half = given.proto.initializer.find(({ dataType }) => dataType === (T.FLOAT16 as number));
  if (half !== undefined)
    throw refusal(`"${half.name}" shows that the model is float16 already: begin with the float32 model.`, {
      tensor: half.name,
    });
  modernise(given);
  const graph = Graph.read(await optimised(given.write(), 'basic', external));
  constantsToInitialisers(graph);
  joinHardSwish(graph);
  absorbConstants(graph);
  if (dense === 'whole') joinBiases(graph);
  joinReshapes(graph);
  removeDeadNodes(graph);
  return graph;
}

/** MatMul of many rows and Add become Reshape, Gemm and Reshape back. */
function joinBiases(graph: Graph): void {
  const types = inferShapes(graph);
  for (const node of Array.from(graph.nodes)) {
    const add = biasOf(graph, node, types);
    if (add !== undefined) asGemm(graph, node, add, types);
  }
}

function biasOf(graph: Graph, node: NodeProto, types: ReadonlyMap<string, Inferred>): NodeProto | undefined {
  const [x = '', w = ''] = node.input;
  const [product = ''] = node.output;
  const weights = graph.initializer(w);
  if (node.opType !== 'MatMul' || weights?.dims.length !== 2 || graph.isOutput(product)) return undefined;
  if ((types.get(x)?.shape?.length ?? 0) < 3) return undefined;
  const [add, ...others] = graph.consumers(product);
  if (add?.opType !== 'Add' || others.length > 0) return undefined;
  const bias = graph.initializer(add.input.find((name) => name !== product) ?? '');
  return bias?.dims.length === 1 && bias.dims[0] === weights.dims[1] ? add : undefined;
}

function asGemm(graph: Graph, node: NodeProto, add: NodeProto, types: ReadonlyMap<string, Inferred>): void {
  const [x = '', w = ''] = node.input;
  const [product = ''] = node.output;
  const bias = add.input.find((name) => name !== product) ?? '';
  const [from = 0n, to = 0n] = graph.initializer(w)?.dims ?? [];
  const ints = (values: readonly number[]): string =>
    graph.setConstant(graph.fresh('ints'), int64([values.length], values));
  const make = (opType: string, inputs: readonly string[]): string =>
    graph.add(opType, inputs).output[0] ?? '';
  const outer = types.get(x)?.shape?.slice(0, -1) ?? [];
  const fixed = outer.filter((dim) => typeof dim === 'string').length < 2;
  const sizes = fixed
    ? ints([...outer.map((dim) => (typeof dim === 'string' ? -1 : dim)), Number(to)])
    : sizesWith(graph, x, outer.length, ints([Number(to)]));
  const flat = make('Reshape', [x, ints([-1, Number(from)])]);
  graph.remove([node, add]);
  const gemm = graph.add('Gemm', [flat, w, bias], {}, 1, { name: node.name }).output[0] ?? '';
  graph.add('Reshape', [gemm, sizes], {}, [add.output[0] ?? '']);
}

/** Sizes of the outer axes, then the width. */
function sizesWith(graph: Graph, x: string, outer: number, width: string): string {
  const [sizes = ''] = graph.add('Shape', [x], { start: 0, end: outer }).output;
  return graph.add('Concat', [sizes, width], { axis: 0 }).output[0] ?? '';
}
