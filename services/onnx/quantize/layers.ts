// The layers that hold most weights, each as one shape of question: which input, which weights, which axis are the output
// channels, which bias. Quantization of every kind and the fixed-point forms ask.
import { floatOf, intOf } from '../attributes.js';
import type { Graph } from '../graph.js';
import { TensorProto_DataType as T, type NodeProto } from '../proto/onnx_pb.js';
import { elementCount } from '../tensor.js';

export interface WeightLayer {
  readonly node: NodeProto;
  readonly kind: 'Conv' | 'Gemm' | 'MatMul';
  readonly input: string;
  readonly weight: string;
  readonly bias?: string;
  /** Axis of the weights along which output channels lie. */
  readonly axis: number;
  readonly output: string;
}

export interface Layers {
  readonly found: readonly WeightLayer[];
  /** Layers of these kinds that have no integer form, and why. */
  readonly refused: readonly { readonly node: NodeProto; readonly weight: string; readonly reason: string }[];
}

export function weightLayers(graph: Graph): Layers {
  const found: WeightLayer[] = [];
  const refused: { node: NodeProto; weight: string; reason: string }[] = [];
  for (const node of graph.ordered()) {
    const { opType } = node;
    if (opType !== 'Conv' && opType !== 'Gemm' && opType !== 'MatMul') continue;
    const [input = '', weight = '', bias = ''] = node.input;
    const tensor = graph.initializer(weight);
    if (tensor === undefined) continue;
    const reason = whyNot(graph, node, tensor.dataType, tensor.dims.length);
    if (reason !== undefined) refused.push({ node, weight, reason });
    else
      found.push({
        node,
        kind: opType,
        input,
        weight,
        ...(bias === '' ? {} : { bias }),
        axis: opType === 'Conv' || intOf(node, 'transB', 0) === 1 ? 0 : 1,
        output: node.output[0] ?? '',
      });
  }
  return { found, refused };
}

function whyNot(graph: Graph, node: NodeProto, dataType: number, rank: number): string | undefined {
  if (dataType !== (T.FLOAT as number)) return 'its weights are not float32';
  if (graph.isConstant(node.input[0] ?? '')) return 'its input is a constant';
  if (node.opType === 'MatMul' && rank !== 2) return 'its weights are not a matrix';
  const bias = node.input[2] ?? '';
  if (bias !== '' && graph.initializer(bias) === undefined) return 'its bias is computed';
  if (node.opType !== 'Gemm') return undefined;
  if (intOf(node, 'transA', 0) === 1) return 'its input is transposed';
  const weights = graph.initializer(node.input[1] ?? '')?.dims.map(Number) ?? [];
  const width = weights[intOf(node, 'transB', 0) === 1 ? 0 : 1];
  const count = elementCount(graph.initializer(bias)?.dims.map(Number) ?? []);
  return bias !== '' && count !== width ? 'its bias is not one number a column' : undefined;
}

/** Factors of a Gemm, which integer kernels do not know: they go into weights and bias. */
export const gemmFactors = (node: NodeProto): { alpha: number; beta: number } => ({
  alpha: node.opType === 'Gemm' ? floatOf(node, 'alpha', 1) : 1,
  beta: node.opType === 'Gemm' ? floatOf(node, 'beta', 1) : 1,
});
