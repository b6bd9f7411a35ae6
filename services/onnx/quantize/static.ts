// Static int8: activations are uint8 with ranges found on samples, weights int8 by channel, biases int32, written as pairs of
// QuantizeLinear and DequantizeLinear which onnxruntime fuses into integer kernels (Jacob et al., 2018; the rules of what fuses
// are in docs/quantization.md). With 16 bits, or scales that are powers of two, the same is fixed-point arithmetic.
import { setAttribute, type AttributeValues } from '../attributes.js';
import { INT4, pack } from '../narrow-int.js';
import { removeDeadNodes } from '../dead-nodes.js';
import type { ExternalData } from '../external-data.js';
import { Graph } from '../graph.js';
import { TensorProto_DataType as T, type NodeProto } from '../proto/onnx_pb.js';
import { refusal } from '../refusal.js';
import { float32, floatValues, type Tensor } from '../tensor.js';
import { affineOf, UINT16, UINT8, type Affine, type Levels, type Scales } from './affine.js';
import { calibrate, type Calibration, type Samples } from './calibrate.js';
import { rangeOf, type Calibrator } from './calibrators.js';
import type { ChannelRange } from './channel-range.js';
import { gemmFactors, weightLayers, type WeightLayer } from './layers.js';
import { planned, type Plan, type PlannedLayer } from './plan.js';
import { prepared } from './prepare.js';
import { reachedLevels, unclippedWeights } from './saturation.js';
import { finished, operatorOf, relativeError, type LayerReport, type Quantized } from './report.js';
import { shrinkSmallConstants } from './small-constants.js';
import { storeAsIntegers } from './stored.js';
import { visibleRange } from './visible-range.js';
import { worthwhile } from './worth.js';
import { integerBias, integerWeights, leastScales, realWeights, type IntegerWeights } from './weights.js';
import { zeroPoint } from './zeros.js';

export interface StaticOptions {
  readonly calibrator?: Calibrator;
  readonly percentile?: number;
  /** One scale for each output channel of the weights; true where absent. */
  readonly perChannel?: boolean;
  readonly scales?: Scales;
  /** 8 where absent; 7 cannot saturate on processors without VNNI; 16 is exact and runs in float. */
  readonly weightBits?: 7 | 8 | 16;
  /** Names of weights whose layers stay float. */
  readonly float?: readonly string[];
  /** Names of weights that are stored in 4 bits; they are multiplied in int8 all the same. */
  readonly fourBits?: ReadonlySet<string>;
  /** Quantizes layers that get slower as well: for bytes alone. */
  readonly everything?: boolean;
  /** Leaves all other weights as they are; by default their bytes shrink as well (stored.ts). */
  readonly exactRest?: boolean;
  /** Scales of weights that were found elsewhere, by the weights' name. */
  readonly weightScales?: ReadonlyMap<string, ArrayLike<number>>;
  readonly external?: ExternalData;
}

/** Throws MODEL_REFUSED where no layer can be quantized, DATA_REFUSED where samples do not fit. */
export async function quantizeStatic(
  model: Uint8Array,
  samples: Samples,
  options: StaticOptions = {},
): Promise<Quantized> {
  return writeStatic(await calibrated(model, samples, options.external), options);
}

/** A model and how its values lie: what all settings of static quantization start from. */
export interface Calibrated extends Calibration {
  readonly original: Uint8Array;
  readonly prepared: Uint8Array;
  readonly external?: ExternalData;
}

export async function calibrated(
  model: Uint8Array,
  samples: Samples,
  external?: ExternalData,
): Promise<Calibrated> {
  const graph = await prepared(model, external);
  const plan = planned(graph, layersOf(graph, []));
  const values = new Set([
    ...plan.roots.keys(),
    ...plan.roots.values(),
    ...plan.layers.map(({ output }) => output),
    // Their sizes decide what is worth it (worth.ts).
    ...graph.nodes.filter(({ opType }) => opType === 'MaxPool').map(({ input: [x = ''] }) => x),
  ]);
  const axes = new Map(plan.layers.map(({ input, kind }) => [input, kind === 'Conv' ? 1 : -1]));
  const calibration = await calibrate(graph, [...values], samples, axes);
  return {
    original: model,
    prepared: graph.write(),
    ...(external === undefined ? {} : { external }),
    ...calibration,
  };
}

function layersOf(graph: Graph, float: readonly string[]): WeightLayer[] {
  const kept = new Set(float);
  const layers = weightLayers(graph).found.filter(({ weight }) => !kept.has(weight));
  if (layers.length === 0)
    throw refusal('No Conv, Gemm or MatMul with constant weights is left to quantize in this model.');
  return layers;
}

/** For callers that calibrated once and try several settings. The same input gives the same bytes. */
export function writeStatic(calibrated: Calibrated, options: StaticOptions = {}): Quantized {
  const { histograms, channels, sampleCount } = calibrated;
  const graph = Graph.read(calibrated.prepared, calibrated.external);
  const layers = layersOf(graph, options.float ?? []);
  const elements = new Map([...histograms].map(([name, { count }]) => [name, count / sampleCount]));
  const plan = options.everything === true ? planned(graph, layers) : worthwhile(graph, layers, elements);
  const bits = options.weightBits ?? 8;
  const levels = bits > 8 ? UINT16 : UINT8;
  const affines = new Map<string, Affine>();
  for (const [value, root] of plan.roots) {
    const histogram = histograms.get(root);
    if (histogram === undefined) continue;
    const range = rangeOf(histogram, options.calibrator ?? 'minMax', 256, options.percentile);
    affines.set(value, affineOf(visibleRange(graph, root, range), levels, options.scales));
  }
  const written = plan.layers.map((layer) =>
    writeLayer(
      graph,
      layer,
      { affine: affines.get(layer.input), channels: channels.get(layer.input) },
      options,
    ),
  );
  const made = new Set(plan.layers.filter((one) => one.integerOutput).map(({ end }) => end));
  for (const node of plan.others) for (const name of node.output) made.add(name);
  for (const [value, affine] of affines) {
    const users = (node: NodeProto): boolean =>
      plan.others.has(node) || plan.layers.some((layer) => layer.node === node);
    writePair(graph, value, affine, levels, isMade(graph, value, made) ? undefined : users);
  }
  removeDeadNodes(graph);
  if (options.exactRest !== true) {
    storeAsIntegers(graph, new Set(options.float), options);
    shrinkSmallConstants(graph, new Set(options.float));
  }
  return finished(graph, 'static', calibrated.original, [...written, ...floatLayers(graph, plan, options)]);
}

function floatLayers(graph: Graph, plan: Plan, { float = [] }: StaticOptions): LayerReport[] {
  const done = new Set(plan.layers.map(({ weight }) => weight));
  const { found, refused } = weightLayers(graph);
  const left = found.map(({ node, weight }) => {
    const asked = float.includes(weight);
    return {
      node,
      weight,
      reason: asked ? 'it was to stay float' : 'conversions would cost more than it saves',
    };
  });
  return [...left, ...refused]
    .filter(({ weight }) => !done.has(weight))
    .map(({ node, weight, reason }) => ({ weight, operator: operatorOf(node), form: 'float', reason }));
}

/** A value behind an absorbed activation belongs to the layer as well. */
function isMade(graph: Graph, value: string, made: ReadonlySet<string>): boolean {
  if (made.has(value)) return true;
  const maker = graph.producer(value);
  return (maker?.opType === 'Relu' || maker?.opType === 'Clip') && made.has(maker.input[0] ?? '');
}

function writeLayer(
  graph: Graph,
  layer: PlannedLayer,
  { affine, channels }: { readonly affine: Affine | undefined; readonly channels: ChannelRange | undefined },
  options: StaticOptions,
): LayerReport {
  const { node, weight, bias } = layer;
  const bits = options.fourBits?.has(weight) === true ? 4 : (options.weightBits ?? 8);
  const axis = options.perChannel === false ? undefined : layer.axis;
  const { alpha, beta } = gemmFactors(node);
  const before = scaled(graph.constant(weight), alpha);
  const inputScale = affine?.scale ?? 1;
  const biases = bias === undefined ? undefined : floatValues(scaled(graph.constant(bias), beta));
  const given = options.weightScales?.get(weight);
  const least = biases === undefined ? undefined : leastScales(biases, inputScale);
  const rounding = {
    bits,
    ...(axis === undefined ? {} : { axis }),
    ...(options.scales === undefined ? {} : { scales: options.scales }),
    ...(least === undefined ? {} : { least: axis === undefined ? [Math.max(...least)] : least }),
    ...(given === undefined ? {} : { given }),
  };
  // Where all channels have one scale, a coarser one would cost them all.
  const clips = bits <= 8 && axis !== undefined && affine !== undefined && channels !== undefined;
  const integers = clips
    ? unclippedWeights(layer, before, rounding, reachedLevels(channels, affine))
    : integerWeights(before, rounding);
  const weights = dequantized(graph, weight, integers, axis, layer.kind, bits);
  const inputs = [layer.input, weights.output[0] ?? ''];
  if (biases !== undefined && bias !== undefined) {
    // Conv's float bias is made an integer by onnxruntime while loading, in 16 bits too; QGemm fuses only where it is one already, and in
    // 16 bits it is none.
    if (layer.kind === 'Conv' || bits > 8) inputs.push(biasOf(graph, bias, biases, beta));
    else {
      const data = integerBias(biases, inputScale, integers.scales);
      inputs.push(integerBiasOf(graph, bias, data, weights, inputScale));
    }
  }
  graph.edit(node, () => {
    node.input = inputs;
    setAttribute(node, 'alpha', undefined);
    setAttribute(node, 'beta', undefined);
  });
  return {
    weight,
    operator: operatorOf(node),
    form: bits > 8 ? 'int16' : bits === 4 ? 'int4' : 'int8',
    error: relativeError(before, realWeights(integers, axis)),
  };
}

function biasOf(graph: Graph, name: string, values: Float32Array, beta: number): string {
  const dims = graph.initializer(name)?.dims ?? [];
  if (beta === 1 && dims.length === 1) return name;
  return graph.setConstant(graph.fresh(name), float32([values.length], values));
}

function scaled(tensor: Tensor | undefined, factor: number): Tensor {
  if (tensor === undefined) throw refusal('A weight of a planned layer is no constant.');
  if (factor === 1) return tensor;
  return float32(
    tensor.dims,
    floatValues(tensor).map((value) => value * factor),
  );
}

const DEFAULT_AXIS = 1;

/** Dense kernels want a zero point where it is 0; convolutions go without. */
function dequantized(
  graph: Graph,
  name: string,
  { values, scales }: IntegerWeights,
  axis: number | undefined,
  kind: WeightLayer['kind'],
  bits: number,
): NodeProto {
  const one = scales.length === 1;
  const integers = bits === 4 ? unpacked(graph, name, values) : graph.setConstant(graph.fresh(name), values);
  const inputs = [integers, graph.setConstant(graph.fresh('s'), float32(one ? [] : [scales.length], scales))];
  if (kind !== 'Conv') inputs.push(zeroPoint(graph, values.dataType, one ? [] : [scales.length]));
  const attributes = one || axis === undefined || axis === DEFAULT_AXIS ? {} : { axis };
  return graph.add('DequantizeLinear', inputs, attributes, [graph.fresh('q')]);
}

/** Its scales are those of the weights times the input's, which onnxruntime multiplies while loading. */
function integerBiasOf(
  graph: Graph,
  name: string,
  data: Int32Array,
  { input: [, weightScales = ''] }: NodeProto,
  inputScale: number,
): string {
  const integers = graph.setConstant(graph.fresh(name), { dataType: T.INT32, dims: [data.length], data });
  const factor = graph.setConstant(graph.fresh('s'), float32([], [inputScale]));
  const make = (opType: string, inputs: readonly string[], attributes: AttributeValues = {}): string =>
    graph.add(opType, inputs, attributes, [graph.fresh('q')]).output[0] ?? '';
  const one = graph.initializer(weightScales)?.dims.length === 0;
  return make('DequantizeLinear', [integers, make('Mul', [weightScales, factor])], one ? {} : { axis: 0 });
}

/** Two to a byte; the Cast is computed while loading, so that the kernels are those of int8. */
function unpacked(graph: Graph, name: string, values: Tensor): string {
  const data = pack(values.data as Int8Array, INT4);
  const stored = graph.setConstant(graph.fresh(name), { ...values, dataType: T.INT4, data });
  return graph.add('Cast', [stored], { to: T.INT8 }, [graph.fresh('q')]).output[0] ?? '';
}

/** With `users`, only they read the rounded value: what is made in float stays exact for everybody else. */
function writePair(
  graph: Graph,
  value: string,
  { scale, zero }: Affine,
  levels: Levels,
  users?: (node: NodeProto) => boolean,
): void {
  const scaleName = graph.setConstant(graph.fresh('s'), float32([], [scale]));
  const data = levels.dataType === T.UINT8 ? Uint8Array.of(zero) : Uint16Array.of(zero);
  const zeroName = graph.setConstant(graph.fresh('z'), {
    dataType: levels.dataType,
    dims: [],
    data,
  });
  const pair = (from: string, to: string): void => {
    const [integers = ''] = graph.add('QuantizeLinear', [from, scaleName, zeroName], {}, [
      graph.fresh('q'),
    ]).output;
    // The node that made the value may have its name; two nodes of one name are refused.
    graph.add('DequantizeLinear', [integers, scaleName, zeroName], {}, [to], { name: '' });
  };
  if (users === undefined) {
    const maker = graph.producer(value);
    if (maker === undefined) throw refusal(`Nothing makes "${value}".`, { tensor: value });
    const exact = graph.fresh('q');
    graph.edit(maker, (node) => (node.output = node.output.map((name) => (name === value ? exact : name))));
    pair(exact, value);
    return;
  }
  const readers = [...graph.consumers(value)].filter(users);
  const rounded = graph.fresh('q');
  pair(value, rounded);
  for (const reader of readers)
    graph.edit(reader, (node) => (node.input = node.input.map((name) => (name === value ? rounded : name))));
}
