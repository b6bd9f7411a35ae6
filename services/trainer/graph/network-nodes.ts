// The networks that a job can name, from features to scores of classes, with first weights from a seed. Weights are named by
// layer (`hidden1_w`), which is how fine-tuning freezes them.
import type { Network } from '../../../contracts/train-job.js';
import { dataRefusal } from '../data/data-refusal.js';
import type { GraphBuilder } from '../../onnx/builder.js';
import type { Seeded } from '../../onnx/seeded.js';
import { float32 } from '../../onnx/tensor.js';
import type { FeatureNodes } from './feature-nodes.js';

export interface NetworkParts {
  readonly g: GraphBuilder;
  readonly random: Seeded;
  readonly classes: number;
  /** Of token models. */
  readonly vocabulary: number | undefined;
}

/** Scores [batch, classes]; [batch, length, classes] of a decoder. Throws DATA_REFUSED where network and data do not fit. */
export function networkNodes(parts: NetworkParts, features: FeatureNodes, network: Network): string {
  const fits =
    parts.vocabulary !== undefined
      ? ['linear', 'lstm', 'transformer', 'decoder']
      : features.shape.length === 3
        ? ['linear', 'mlp', 'cnn']
        : ['linear', 'mlp'];
  if (!fits.includes(network.kind))
    throw dataRefusal(`the network ${network.kind}`, `such data are learned by ${fits.join(', ')}.`);
  switch (network.kind) {
    case 'linear':
      return parts.vocabulary === undefined
        ? dense(parts, 'out', flat(parts, features), parts.classes, 1)
        : bagOfTokens(parts, features, parts.vocabulary);
    case 'mlp':
      return hiddenThenOut(parts, flat(parts, features), network.hidden);
    case 'cnn':
      return convolutional(parts, features, network);
    default:
      throw dataRefusal(`the network ${network.kind}`, 'it is not built yet.');
  }
}

interface Flat {
  readonly value: string;
  readonly width: number;
}

function flat({ g }: NetworkParts, { value, shape }: FeatureNodes): Flat {
  const width = shape.reduce((product, size) => product * size, 1);
  return { value: shape.length === 1 ? value : g.op('Flatten', [value]), width };
}

function hiddenThenOut(parts: NetworkParts, from: Flat, hidden: readonly number[]): string {
  let at = from;
  hidden.forEach((width, i) => {
    at = { value: parts.g.op('Relu', [dense(parts, `hidden${i + 1}`, at, width, 2)]), width };
  });
  return dense(parts, 'out', at, parts.classes, 1);
}

/** Deviation sqrt(gain / inputs): 2 before a Relu (He et al., 2015), 1 elsewhere. */
function dense(
  { g, random }: NetworkParts,
  name: string,
  { value, width: from }: Flat,
  to: number,
  gain: number,
): string {
  const weights = random.normals(from * to, Math.sqrt(gain / from));
  const w = g.constant(`${name}_w`, float32([from, to], weights));
  return g.op('Gemm', [value, w, g.constant(`${name}_b`, float32([to], new Float32Array(to)))]);
}

function convolutional(
  parts: NetworkParts,
  features: FeatureNodes,
  network: Extract<Network, { kind: 'cnn' }>,
): string {
  const { g, random } = parts;
  let [depth = 1, height = 1, width = 1] = features.shape;
  let value = features.value;
  network.channels.forEach((channels, i) => {
    const name = `conv${i + 1}`;
    const weights = random.normals(channels * depth * 9, Math.sqrt(2 / (9 * depth)));
    const w = g.constant(`${name}_w`, float32([channels, depth, 3, 3], weights));
    const b = g.constant(`${name}_b`, float32([channels], new Float32Array(channels)));
    const pads = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
    value = g.op('Relu', [g.op('Conv', [value, w, b], pads)]);
    if (Math.min(height, width) >= 2) {
      value = g.op('MaxPool', [value], { kernel_shape: [2, 2], strides: [2, 2] });
      [height, width] = [Math.floor(height / 2), Math.floor(width / 2)];
    }
    depth = channels;
  });
  return hiddenThenOut(parts, flat(parts, { value, shape: [depth, height, width] }), network.hidden);
}

/** A table of one row of class scores a token, and their mean over the text: a linear model of token counts. */
function bagOfTokens(
  { g, random, classes }: NetworkParts,
  { value, shape }: FeatureNodes,
  vocabulary: number,
): string {
  const table = g.constant(
    'out_w',
    float32([vocabulary, classes], random.normals(vocabulary * classes, 0.01)),
  );
  const scores = g.op('Gather', [table, value]);
  const sum = g.op('ReduceSum', [scores, g.ints([1])], { keepdims: 0 });
  const bias = g.constant('out_b', float32([classes], new Float32Array(classes)));
  return g.op('Add', [g.op('Mul', [sum, g.float(1 / Math.sqrt(shape[0] ?? 1))]), bias]);
}
