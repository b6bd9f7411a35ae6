// Does the quantized model run quantized? Looks at the graph as onnxruntime rewrites it: a layer whose pattern is not quite the
// one that is fused runs in float, with conversions around it, slower than before and without a word.
import type { ExternalData } from '../external-data.js';
import { Graph } from '../graph.js';
import { optimised } from '../optimised.js';

const INTEGER =
  /^(QLinear\w+|QGemm|MatMulIntegerToFloat|MatMulInteger|DynamicQuantizeMatMul|DynamicQuantizeLSTM|MatMulNBits|ConvInteger)$/;
const FLOAT = /^(Conv|FusedConv|Gemm|FusedGemm|MatMul|FusedMatMul|LSTM)$/;

export interface FusionReport {
  /** Operators of com.microsoft and the standard that compute with integers, and how many of each. */
  readonly integer: Readonly<Record<string, number>>;
  /** Layers of float arithmetic that read weights through DequantizeLinear: planned, but not fused. */
  readonly unfused: readonly string[];
  /** Conversions that are left. */
  readonly conversions: number;
}

export async function fusionOf(model: Uint8Array, external?: ExternalData): Promise<FusionReport> {
  const graph = Graph.read(await optimised(model, 'extended', external));
  const integer: Record<string, number> = {};
  const unfused: string[] = [];
  for (const node of graph.nodes) {
    if (INTEGER.test(node.opType)) integer[node.opType] = (integer[node.opType] ?? 0) + 1;
    else if (FLOAT.test(node.opType) && fromIntegers(graph, node.input[1] ?? ''))
      unfused.push(node.name === '' ? (node.output[0] ?? '') : node.name);
  }
  const conversions = graph.nodes.filter(({ opType }) => /^(Quantize|Dequantize)Linear$/.test(opType)).length;
  return { integer, unfused, conversions };
}

const fromIntegers = (graph: Graph, name: string): boolean =>
  graph.producer(name)?.opType === 'DequantizeLinear';
