// Block-wise 4-bit weights for dense layers: each 32 weights of a column share a scale, and com.microsoft MatMulNBits multiplies
// with them directly. For large matrices and few rows, where reading weights is what takes the time.
import { removeDeadNodes } from '../dead-nodes.js';
import type { ExternalData } from '../external-data.js';
import type { Graph } from '../graph.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { refusal } from '../refusal.js';
import { float32, floatValues, type Tensor } from '../tensor.js';
import { halfPrecise, roundEven } from './affine.js';
import { useMicrosoft } from './domain.js';
import { gemmFactors, weightLayers, type WeightLayer } from './layers.js';
import { prepared } from './prepare.js';
import { finished, operatorOf, relativeError, type LayerReport, type Quantized } from './report.js';
import { shrinkSmallConstants } from './small-constants.js';
import { storeAsIntegers } from './stored.js';
import { transposed } from './transposed.js';

export interface BlockwiseOptions {
  /** A power of two from 16; 32 where absent. */
  readonly blockSize?: number;
  /** Names of weights whose layers stay float. */
  readonly float?: readonly string[];
  readonly external?: ExternalData;
}

/** Throws MODEL_REFUSED where no dense layer has a column of at least one block. */
export async function quantizeBlockwise(
  model: Uint8Array,
  options: BlockwiseOptions = {},
): Promise<Quantized> {
  const { blockSize = 32 } = options;
  const graph = await prepared(model, options.external);
  const kept = new Set(options.float);
  const layers = weightLayers(graph).found.filter(
    ({ kind, weight, axis }) =>
      kind !== 'Conv' &&
      !kept.has(weight) &&
      Number(graph.initializer(weight)?.dims[1 - axis] ?? 0) >= blockSize,
  );
  if (layers.length === 0)
    throw refusal(`No dense layer of ${blockSize} inputs and more is left to take 4-bit weights.`);
  const written = layers.map((layer) => write(graph, layer, blockSize));
  useMicrosoft(graph);
  removeDeadNodes(graph);
  const done = new Set(written.map(({ weight }) => weight));
  const float = weightLayers(graph).found.filter(({ weight }) => !done.has(weight));
  storeAsIntegers(graph, kept);
  shrinkSmallConstants(graph, kept);
  return finished(graph, 'blockwise', model, [
    ...written,
    ...float.map(({ node, weight, kind }): LayerReport => ({
      weight,
      operator: operatorOf(node),
      form: 'float',
      reason:
        kind === 'Conv' ? '4-bit kernels are for dense layers' : 'it is too small, or was to stay float',
    })),
  ]);
}

function write(graph: Graph, layer: WeightLayer, blockSize: number): LayerReport {
  const { node, weight, bias, input, output } = layer;
  const { alpha, beta } = gemmFactors(node);
  const stored = graph.constant(weight) ?? float32([0, 0], []);
  const columns = layer.axis === 0 ? stored : transposed(stored); // [outputs, inputs]
  const blocks = blocksOf(columns, blockSize, alpha);
  const [outputs = 0, inputs = 0] = columns.dims;
  const name = (what: string, tensor: Tensor): string =>
    graph.setConstant(graph.fresh(`${weight}/${what}`), tensor);
  const operands = [
    input,
    name('blocks', {
      dataType: T.UINT8,
      dims: [outputs, blocks.perColumn, blockSize / 2],
      data: blocks.packed,
    }),
    name('scale', float32([outputs * blocks.perColumn], blocks.scales)),
  ];
  graph.remove([node]);
  // Level 4 multiplies in int8; what is written when nothing is said has changed between releases of onnxruntime.
  const attributes = { K: inputs, N: outputs, bits: 4, block_size: blockSize, accuracy_level: 4 };
  const made = bias === undefined ? [output] : [graph.fresh(output)];
  graph.add('MatMulNBits', operands, attributes, made, { domain: 'com.microsoft' });
  if (bias !== undefined) {
    const tensor = graph.constant(bias);
    const numbers = floatValues(tensor ?? float32([0], [])).map((value) => value * beta);
    graph.add('Add', [made[0] ?? '', name('bias', float32([numbers.length], numbers))], {}, [output]);
  }
  const error = relativeError(
    columns,
    float32(
      columns.dims,
      blocks.real.map((value) => value / alpha),
    ),
  );
  return { weight, operator: operatorOf(node), form: 'int4', error };
}

/** q = round(w / s) + 8 with s = -m / 8, m the weight of the largest size: so m itself is nearly exact, whatever its sign. */
function blocksOf(columns: Tensor, blockSize: number, factor: number) {
  const [outputs = 0, inputs = 0] = columns.dims;
  const values = floatValues(columns);
  const perColumn = Math.ceil(inputs / blockSize);
  const packed = new Uint8Array((outputs * perColumn * blockSize) / 2).fill(0x88);
  const scales = new Float32Array(outputs * perColumn);
  const real = new Float32Array(values.length);
  for (let block = 0; block < scales.length; block++) {
    const from = Math.floor(block / perColumn) * inputs + (block % perColumn) * blockSize;
    const count = Math.min(blockSize, inputs - (block % perColumn) * blockSize);
    let most = 0;
    for (let i = from; i < from + count; i++)
      if (Math.abs(values[i] ?? 0) > Math.abs(most)) most = values[i] ?? 0;
    const scale = halfPrecise((most * factor) / -8) || 1;
    scales[block] = scale;
    for (let i = 0; i < count; i++) {
      const level = Math.min(15, Math.max(0, roundEven(((values[from + i] ?? 0) * factor) / scale) + 8));
      real[from + i] = (level - 8) * scale;
      const at = (block * blockSize + i) >> 1;
      const old = packed[at] ?? 0;
      packed[at] = i % 2 === 0 ? (old & 0xf0) | level : (old & 0x0f) | (level << 4);
    }
  }
  return { perColumn, packed, scales, real };
}
