// The model as it is before the first step: features, then one of the library's networks, then probabilities. The same seed gives
// the same bytes. Training runs begin with it.
import assert from 'node:assert';
import type { Network } from '../../../contracts/train-job.js';
import { Graph } from '../graph.js';
import { merge } from '../merge.js';
import { alexNetLike, convolutional, googLeNetLike, vggLike } from '../models/convolutional.js';
import { decoder } from '../models/decoder.js';
import { encoder } from '../models/encoder.js';
import { Layers } from '../models/layers.js';
import { multilayer } from '../models/mlp.js';
import { sequenceClassifier } from '../models/recurrent.js';
import { tokenScores } from '../models/text-ends.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { float32 } from '../tensor.js';
import { dataRefusal } from './data-refusal.js';
import type { NumberTarget, Prepared } from './prepared.js';
import { NUMBER, outputOf, PROBABILITIES } from './trained-names.js';
import { FEATURES, featureGraph } from './feature-graph.js';

interface Sizes {
  readonly shape: readonly number[];
  readonly classes: number;
  readonly vocabulary: number;
  readonly numbers: boolean;
  readonly seed: number;
}

/** Throws DATA_REFUSED where network and data do not fit. */
export function firstModel(prepared: Prepared, network: Network, seed: number): Graph {
  const { features, targetSize, classes, target } = prepared;
  const kinds = fitting(prepared);
  if (!kinds.includes(network.kind))
    throw dataRefusal(`the network ${network.kind}`, `such data are learned by ${kinds.join(', ')}.`);
  const first = featureGraph(
    prepared,
    network.kind === 'linear' || network.kind === 'mlp' ? 'rows' : 'pictures',
  );
  const vocabulary = features.kind === 'tokens' ? features.vocabulary : 0;
  const sizes = {
    shape: first.shape,
    classes: target !== undefined ? 1 : targetSize > 1 ? vocabulary : classes.length,
    vocabulary,
    numbers: target !== undefined,
    seed,
  };
  const second = Graph.read(
    features.kind === 'tokens' ? textNetwork(network, sizes) : valueNetwork(network, sizes),
  );
  return withOutput(withUsedOutputs(first.graph, second), target);
}

function fitting({ features, targetSize, shape, target }: Prepared): readonly Network['kind'][] {
  if (target !== undefined) return ['linear', 'mlp'];
  if (targetSize > 1) return ['decoder'];
  if (features.kind === 'tokens') return ['linear', 'lstm', 'gru', 'transformer'];
  return shape.length === 3 ? ['linear', 'mlp', 'cnn', 'alexnet', 'vgg', 'googlenet'] : ['linear', 'mlp'];
}

function valueNetwork(network: Network, { shape, classes, numbers, seed }: Sizes): Uint8Array {
  const [channels = 1, height = 1, width = 1] = shape;
  const image = { channels, height, width, classes, seed };
  switch (network.kind) {
    case 'cnn':
      return convolutional({
        ...image,
        blocks: network.channels.flatMap((filters) => [{ filters, kernel: 3 }, 'pool' as const]),
        hidden: network.hidden,
        dropout: network.dropout,
      });
    case 'alexnet':
      return alexNetLike({ ...image, base: network.base });
    case 'vgg':
      return vggLike({ ...image, base: network.base });
    case 'googlenet':
      return googLeNetLike({ ...image, base: network.base });
    case 'linear':
    case 'mlp': {
      const { hidden, dropout } = network.kind === 'mlp' ? network : { hidden: [], dropout: 0 };
      return multilayer({
        inputs: shape.reduce((all, size) => all * size, 1),
        hidden,
        dropout,
        classes,
        numbers,
        seed,
      });
    }
    case 'lstm':
    case 'gru':
    case 'transformer':
    case 'decoder':
      assert.fail('a network of tokens is not asked for values');
  }
}

function textNetwork(network: Network, { shape, classes, vocabulary, seed }: Sizes): Uint8Array {
  const [length = 1] = shape;
  switch (network.kind) {
    case 'lstm':
    case 'gru': {
      const { embedding: width, hidden, bothWays, dropout, wide } = network;
      const cell = network.kind === 'gru' ? 'GRU' : 'LSTM';
      return sequenceClassifier({
        cell,
        vocabulary,
        width,
        hidden,
        bothWays,
        dropout,
        wide,
        classes,
        seed,
      });
    }
    case 'transformer': {
      const { width, heads, layers, dropout, wide } = network;
      return encoder({ vocabulary, steps: length, width, heads, layers, dropout, wide, classes, seed });
    }
    case 'decoder': {
      const { width, heads, layers } = network;
      return decoder({ vocabulary, context: length, width, heads, layers, seed });
    }
    case 'linear':
      return bagOfTokens(vocabulary, length, classes, seed);
    case 'mlp':
    case 'cnn':
    case 'alexnet':
    case 'vgg':
    case 'googlenet':
      assert.fail('a network of values is not asked for texts');
  }
}

/** A linear model of token counts. */
function bagOfTokens(vocabulary: number, length: number, classes: number, seed: number): Uint8Array {
  const net = new Layers('bag of tokens', seed);
  const ids = net.input(FEATURES.ids, ['batch', length], T.INT64);
  const mask = net.input(FEATURES.mask, ['batch', length]);
  const sum = tokenScores(net, ids, mask, vocabulary, classes);
  const bias = net.g.constant('tokens.bias', float32([classes], new Float32Array(classes)));
  net.output(net.softmax({ ...sum, value: net.g.op('Add', [sum.value, bias]) }), PROBABILITIES);
  return net.bytes();
}

/** Networks call their input x, image, or ids and mask; a decoder ends in scores. */
function withUsedOutputs(features: Graph, network: Graph): Graph {
  const taken = new Set(network.inputs.map(({ name }) => name));
  const join = Object.fromEntries(
    features.outputs.flatMap(({ name }): [string, string][] => {
      const to = name === FEATURES.values ? (taken.has('image') ? 'image' : 'x') : name;
      return taken.has(to) ? [[name, to]] : [];
    }),
  );
  if (features.proto.output.length > 1)
    features.proto.output = features.proto.output.filter(({ name }) => name in join);
  return merge(features, network, { join });
}

/** Scores become probabilities, or a number in its own unit. */
function withOutput(graph: Graph, target: NumberTarget | undefined): Graph {
  const [last] = graph.outputs;
  if (last === undefined || last.name === PROBABILITIES) return graph;
  if (target === undefined) graph.add('Softmax', [last.name], { axis: -1 }, [PROBABILITIES]);
  else {
    graph.setConstant('target_mean', float32([], [target.mean]));
    graph.setConstant('target_deviation', float32([], [target.deviation]));
    graph.add('Mul', [last.name, 'target_deviation'], {}, ['target_apart']);
    graph.add('Add', ['target_apart', 'target_mean'], {}, [NUMBER]);
  }
  graph.proto.output = [{ ...last, name: outputOf({ target }) }];
  return graph;
}
