// The model as it is before the first step: features, network, probabilities. The same seed gives the same bytes.
import type { Network } from '../../../contracts/train-job.js';
import { GraphBuilder } from '../../onnx/builder.js';
import { Graph } from '../../onnx/graph.js';
import { TensorProto_DataType as T } from '../../onnx/proto/onnx_pb.js';
import { seeded } from '../../onnx/seeded.js';
import type { Prepared } from '../data/prepared.js';
import { featureNodes } from './feature-nodes.js';
import { networkNodes } from './network-nodes.js';

/** The name of every trained model's output: one probability a class. */
export const OUTPUT = 'probabilities';

export function firstModel(prepared: Prepared, network: Network, seed: number): Graph {
  const g = new GraphBuilder({ opset: 21, name: 'trained' });
  const features = featureNodes(g, prepared);
  const vocabulary = prepared.features.kind === 'tokens' ? prepared.features.vocabulary : undefined;
  const classes = prepared.targetSize > 1 ? (vocabulary ?? 1) : prepared.classes.length;
  const scores = networkNodes({ g, random: seeded(seed), classes, vocabulary }, features, network);
  g.op('Softmax', [scores], { axis: -1 }, { outputs: [OUTPUT] });
  const shape = prepared.targetSize > 1 ? ['batch', prepared.targetSize, classes] : ['batch', classes];
  g.output(OUTPUT, T.FLOAT, shape);
  return Graph.read(g.bytes());
}
