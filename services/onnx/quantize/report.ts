// What quantization says of itself: each layer's form, its error, and why it stayed as it was. Every method of this folder
// returns one beside the model.
import type { Graph } from '../graph.js';
import { dropNodeNames } from './node-names.js';
import type { NodeProto } from '../proto/onnx_pb.js';
import { floatValues, type Tensor } from '../tensor.js';

export interface LayerReport {
  /** Name of the weights: stable where tools rename nodes. */
  readonly weight: string;
  readonly operator: string;
  readonly form: 'float' | 'float16' | 'int16' | 'int8' | 'int4';
  /** |w - q(w)| / |w|, over the whole tensor. */
  readonly error?: number;
  /** Why the layer stayed float. */
  readonly reason?: string;
}

export interface QuantizationReport {
  readonly method: string;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly layers: readonly LayerReport[];
}

export interface Quantized {
  readonly model: Uint8Array;
  readonly report: QuantizationReport;
}

export function finished(
  graph: Graph,
  method: string,
  original: Uint8Array,
  layers: readonly LayerReport[],
): Quantized {
  dropNodeNames(graph);
  const model = graph.write();
  return { model, report: { method, bytesBefore: original.length, bytesAfter: model.length, layers } };
}

/** The length of the difference, relative to that of `before`. */
export function relativeError(before: Tensor, after: Tensor): number {
  const [a, b] = [floatValues(before), floatValues(after)];
  let apart = 0;
  let length = 0;
  for (let i = 0; i < a.length; i++) {
    apart += ((a[i] ?? 0) - (b[i] ?? 0)) ** 2;
    length += (a[i] ?? 0) ** 2;
  }
  return length === 0 ? 0 : Math.sqrt(apart / length);
}

export const operatorOf = (node: NodeProto): string =>
  node.domain === '' ? node.opType : `${node.domain}:${node.opType}`;
