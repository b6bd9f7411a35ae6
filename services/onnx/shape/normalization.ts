// Normalisations keep the shape; some also give statistics.
import { intOf } from '../attributes.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { positiveAxis, sameAs, typed, type Rule, type Rules } from './rule.js';

const like: Rule = ({ inputs: [x] }) => [sameAs(x)];

/** Outputs 2 and 3, mean and 1/deviation, keep the leading axes and fold the rest to 1. */
const layerNorm: Rule = (question) => {
  const [x] = question.inputs;
  if (x === undefined) return [];
  const { shape } = x;
  if (shape === undefined) return [typed(x.dataType), typed(T.FLOAT), typed(T.FLOAT)];
  const axis = positiveAxis(question, intOf(question.node, 'axis', -1), shape.length);
  const statistics = shape.map((dim, i) => (i < axis ? dim : 1));
  return [typed(x.dataType, shape), typed(T.FLOAT, statistics), typed(T.FLOAT, statistics)];
};

/** Training mode also gives the running statistics, in the shape of the inputs that hold them. */
const batchNorm: Rule = ({ inputs: [x, , , mean, variance] }) => [sameAs(x), sameAs(mean), sameAs(variance)];

/** Output 4 of the skip variants is the sum before the normalisation. */
const skipNorm: Rule = ({ inputs: [x] }) => {
  if (x === undefined) return [];
  const statistics = typed(
    T.FLOAT,
    x.shape?.map((dim, i, all) => (i < all.length - 1 ? dim : 1)),
  );
  return [sameAs(x), statistics, statistics, sameAs(x)];
};

export const normalization: Rules = {
  BatchNormalization: batchNorm,
  LayerNormalization: layerNorm,
  RMSNormalization: like,
  SimplifiedLayerNormalization: layerNorm,
  InstanceNormalization: like,
  GroupNormalization: like,
  LRN: like,
  SkipLayerNormalization: skipNorm,
  SkipSimplifiedLayerNormalization: skipNorm,
};
