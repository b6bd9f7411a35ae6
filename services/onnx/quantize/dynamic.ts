// Dynamic int8: weights are integers, activations become integers at run time with the range of the batch at hand, so that no
// samples are needed. For dense and recurrent layers; convolutions have no fast kernel of this kind and keep float arithmetic.
// onnxruntime fuses what is written here into DynamicQuantizeMatMul and MatMulIntegerToFloat.
import { findAttribute, intOf, setAttribute, stringOf, type AttributeValues } from '../attributes.js';
import { copyNode } from '../copy-node.js';
import { removeDeadNodes } from '../dead-nodes.js';
import { useMicrosoft } from './domain.js';
import type { ExternalData } from '../external-data.js';
import type { Graph } from '../graph.js';
import { TensorProto_DataType as T, type NodeProto } from '../proto/onnx_pb.js';
import { refusal } from '../refusal.js';
import { float32, floatValues, type Tensor } from '../tensor.js';
import { gemmFactors, weightLayers, type WeightLayer } from './layers.js';
import { prepared } from './prepare.js';
import { ANY_LEVEL, unclippedWeights } from './saturation.js';
import { finished, operatorOf, relativeError, type LayerReport, type Quantized } from './report.js';
import { shrinkSmallConstants } from './small-constants.js';
import { storeAsIntegers } from './stored.js';
import { transposed } from './transposed.js';
import { realWeights } from './weights.js';
import { zeroPoint } from './zeros.js';

export interface DynamicOptions {
  /** Names of weights whose layers stay float. */
  readonly float?: readonly string[];
  readonly external?: ExternalData;
}

/** Throws MODEL_REFUSED where there is no dense or recurrent layer with constant weights. */
export async function quantizeDynamic(model: Uint8Array, options: DynamicOptions = {}): Promise<Quantized> {
  const graph = await prepared(model, options.external, 'apart');
  const kept = new Set(options.float);
  const inputs = new Map<string, readonly string[]>();
  const dense = weightLayers(graph).found.filter(({ kind, weight }) => kind !== 'Conv' && !kept.has(weight));
  const recurrent = graph.nodes.filter((node) => isRecurrent(graph, node) && !kept.has(node.input[1] ?? ''));
  if (dense.length + recurrent.length === 0)
    throw refusal(
      'No dense or LSTM layer with constant weights is left for dynamic quantization: use static for convolutions.',
    );
  const written = [
    ...dense.map((layer) => writeDense(graph, layer, inputs)),
    ...recurrent.flatMap((node) => writeRecurrent(graph, node)),
  ];
  removeDeadNodes(graph);
  const done = new Set(written.map(({ weight }) => weight));
  const float = weightLayers(graph).found.map(({ node, weight, kind }): LayerReport => ({
    weight,
    operator: operatorOf(node),
    form: 'float',
    reason: kind === 'Conv' ? 'convolutions are slower in dynamic int8' : 'it was to stay float',
  }));
  storeAsIntegers(graph, kept);
  shrinkSmallConstants(graph, kept);
  return finished(graph, 'dynamic', model, [...written, ...float.filter(({ weight }) => !done.has(weight))]);
}

function writeDense(graph: Graph, layer: WeightLayer, shared: Map<string, readonly string[]>): LayerReport {
  const { node, weight, bias, input, output } = layer;
  const { alpha, beta } = gemmFactors(node);
  const stored = constant(graph, weight);
  const matrix = layer.axis === 0 ? transposed(stored) : stored;
  const before = alpha === 1 ? matrix : times(matrix, alpha);
  const integers = unclippedWeights({ node, kind: 'MatMul', axis: 1 }, before, { bits: 8 }, ANY_LEVEL);
  const make = (opType: string, inputs: readonly string[], values: AttributeValues = {}): string =>
    graph.add(opType, inputs, values, [graph.fresh('q')]).output[0] ?? '';
  const quantized = (): string[] => [graph.fresh('q'), graph.fresh('q'), graph.fresh('q')];
  const rounded = shared.get(input) ?? graph.add('DynamicQuantizeLinear', [input], {}, quantized()).output;
  shared.set(input, rounded);
  const [values = '', scale = '', zero = ''] = rounded;
  const name = (stem: string, tensor: Tensor): string => graph.setConstant(graph.fresh(stem), tensor);
  const columns = integers.scales.length;
  const weights = name(weight, integers.values);
  const weightScale = name('s', float32([columns], integers.scales));
  graph.remove([node]);
  const sums = make('Cast', [make('MatMulInteger', [values, weights, zero])], { to: T.FLOAT });
  const product = [sums, make('Mul', [scale, weightScale])];
  if (bias === undefined) graph.add('Mul', product, {}, [output]);
  else {
    const numbers = floatValues(constant(graph, bias)).map((value) => value * beta);
    graph.add('Add', [make('Mul', product), name('b', float32([numbers.length], numbers))], {}, [output]);
  }
  const error = relativeError(before, realWeights(integers, 1));
  return { weight, operator: operatorOf(node), form: 'int8', error };
}

function isRecurrent(graph: Graph, node: NodeProto): boolean {
  return (
    node.opType === 'LSTM' &&
    node.domain === '' &&
    [1, 2].every((i) => graph.initializer(node.input[i] ?? '')?.dataType === (T.FLOAT as number)) &&
    (node.input[7] ?? '') === '' &&
    intOf(node, 'layout', 0) === 0 &&
    intOf(node, 'input_forget', 0) === 0 &&
    stringOf(node, 'direction', 'forward') !== '' &&
    findAttribute(node, 'activations') === undefined
  );
}

/** com.microsoft DynamicQuantizeLSTM: weights turned to [directions, inputs, gates], a scale for each gate's row. */
function writeRecurrent(graph: Graph, node: NodeProto): LayerReport[] {
  const [weight = '', recurrent = ''] = node.input.slice(1);
  const parts = [weight, recurrent].map((name) => gateWeights(node, constant(graph, name)));
  const fused = copyNode(node);
  fused.opType = 'DynamicQuantizeLSTM';
  fused.domain = 'com.microsoft';
  setAttribute(fused, 'layout', undefined);
  const names = parts.map(({ integers, scales }, i) => {
    const name = (stem: string, tensor: Tensor): string => graph.setConstant(graph.fresh(stem), tensor);
    return {
      integers: name([weight, recurrent][i] ?? '', integers),
      scale: name('s', scales),
      zero: zeroPoint(graph, T.INT8, scales.dims),
    };
  });
  const rest = [3, 4, 5, 6].map((i) => node.input[i] ?? '');
  const [w, r] = names;
  fused.input = [
    node.input[0] ?? '',
    w?.integers ?? '',
    r?.integers ?? '',
    ...rest,
    '',
    ...names.flatMap(({ scale, zero }) => [scale, zero]),
  ];
  graph.remove([node]);
  graph.insert(fused);
  useMicrosoft(graph);
  return parts.map(({ error }, i) => ({
    weight: [weight, recurrent][i] ?? '',
    operator: 'LSTM',
    form: 'int8',
    error,
  }));
}

/** [directions, gates, inputs] to [directions, inputs, gates]. */
function gateWeights(node: NodeProto, weights: Tensor): { integers: Tensor; scales: Tensor; error: number } {
  const [directions = 1, gates = 1, inputs = 1] = weights.dims;
  const values = floatValues(weights);
  const size = gates * inputs;
  const integers = new Int8Array(directions * size);
  const scales = new Float32Array(directions * gates);
  let apart = 0;
  for (let d = 0; d < directions; d++) {
    const own = float32([gates, inputs], values.slice(d * size, (d + 1) * size));
    const rounded = unclippedWeights({ node, kind: 'MatMul', axis: 0 }, own, { bits: 8 }, ANY_LEVEL);
    integers.set(transposed(rounded.values).data as Int8Array, d * size);
    scales.set(rounded.scales, d * gates);
    apart = Math.max(apart, relativeError(own, realWeights(rounded, 0)));
  }
  return {
    integers: { dataType: T.INT8, dims: [directions, inputs, gates], data: integers },
    scales: float32([directions, gates], scales),
    error: apart,
  };
}

function constant(graph: Graph, name: string): Tensor {
  const tensor = graph.constant(name);
  if (tensor === undefined) throw refusal(`"${name}" is no constant.`, { tensor: name });
  return tensor;
}

const times = (tensor: Tensor, factor: number): Tensor =>
  float32(
    tensor.dims,
    floatValues(tensor).map((value) => value * factor),
  );
