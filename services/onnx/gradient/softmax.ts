// Backward rules of Softmax and of the losses that contain it.
import { intOf, stringOf } from '../attributes.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import type { Asked, GradientRule, GradientRules } from './rule.js';

const axisOf = (asked: Asked): number => intOf(asked.node, 'axis', -1);

/** Y (dY - sum(dY Y)). */
const softmax: GradientRule = (asked) => {
  const { write, dY } = asked;
  const y = asked.output();
  const sum = write.reduce('Sum', write.op('Mul', [dY, y]), [axisOf(asked)]);
  return [write.op('Mul', [y, write.op('Sub', [dY, sum])])];
};

/** dY - exp(Y) sum(dY). */
const logSoftmax: GradientRule = (asked) => {
  const { write, dY } = asked;
  const sum = write.reduce('Sum', dY, [axisOf(asked)]);
  return [write.op('Sub', [dY, write.op('Mul', [write.op('Exp', [asked.output()]), sum])])];
};

interface Picked {
  /** One at the label of each row, shaped as the scores. */
  readonly oneHot: string;
  /** What each row counts, 0 where ignored; undefined where all count 1. Shaped as the labels. */
  readonly weight: string | undefined;
}

/** Classes are axis 1; rows whose label is ignore_index count nothing. */
function pick(asked: Asked): Picked {
  const { write } = asked;
  const [scores, labels] = [asked.input(0), asked.input(1)];
  const ignore = asked.node.attribute.some(({ name }) => name === 'ignore_index')
    ? intOf(asked.node, 'ignore_index', 0)
    : undefined;
  const wide = write.dataType(labels) === T.INT64 ? labels : write.op('Cast', [labels], { to: T.INT64 });
  const ignored = ignore === undefined ? undefined : write.op('Equal', [wide, write.ints(ignore)]);
  const safe = ignored === undefined ? wide : write.op('Where', [ignored, write.ints(0), wide]);
  const classes = write.ints(write.size(scores, 1));
  const oneHot = write.op('OneHot', [safe, classes, write.floats([2], [0, 1], scores)], { axis: 1 });
  let weight = asked.has(2) ? write.op('Gather', [asked.input(2), safe]) : undefined;
  if (ignored !== undefined)
    weight = write.op('Where', [ignored, write.float(0, scores), weight ?? write.float(1, scores)]);
  return { oneHot, weight };
}

/** What arrives at each row: dY, divided among the rows where the loss is their mean. Broadcasts over the scores. */
function rowGradient(asked: Asked, weight: string | undefined): string {
  const { write, dY } = asked;
  const [scores, labels] = [asked.input(0), asked.input(1)];
  const reduction = stringOf(asked.node, 'reduction', 'mean');
  const all = Array.from({ length: write.rank(labels) }, (_, i) => i);
  const total =
    weight === undefined ? countRows(asked, scores, all) : write.reduce('Sum', weight, undefined, false);
  const share = reduction === 'mean' ? write.op('Div', [dY, total]) : dY;
  const weighted = weight === undefined ? share : write.op('Mul', [share, weight]);
  const perRow = reduction === 'none' || weight !== undefined;
  return perRow ? write.op('Unsqueeze', [weighted, write.ints([1])]) : weighted;
}

/** The rows of scores are all axes but the classes; labels have one axis less. */
function countRows({ write }: Asked, scores: string, labelAxes: readonly number[]): string {
  return write.count(
    scores,
    labelAxes.map((axis) => (axis === 0 ? 0 : axis + 1)),
  );
}

/** (softmax - one hot) for each row; the log of the softmax is the kernel's second output. */
const crossEntropy: GradientRule = (asked) => {
  const { write } = asked;
  const logProbability = asked.demandOutput(1);
  const { oneHot, weight } = pick(asked);
  const wrong = write.op('Sub', [write.op('Exp', [logProbability]), oneHot]);
  return [write.op('Mul', [wrong, rowGradient(asked, weight)])];
};

const negativeLogLikelihood: GradientRule = (asked) => {
  const { oneHot, weight } = pick(asked);
  return [asked.write.op('Neg', [asked.write.op('Mul', [oneHot, rowGradient(asked, weight)])])];
};

export const softmaxes: GradientRules = {
  Softmax: softmax,
  LogSoftmax: logSoftmax,
  SoftmaxCrossEntropyLoss: crossEntropy,
  NegativeLogLikelihoodLoss: negativeLogLikelihood,
};
