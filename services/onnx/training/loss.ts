// Losses, written behind a forward graph: one number that training makes small. training-graph.ts adds one and asks for
// its gradient. Targets become inputs of the graph, with the name given or the usual one.
import type { Writer } from '../gradient/writer.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { clip, refusal } from '../refusal.js';
import { valueInfo, type Dim } from '../value-info.js';

export type Loss =
  /** Mean over rows of -log softmax(scores)[label]; labels INT64, shaped as the scores without their class axis. */
  | {
      readonly kind: 'crossEntropy';
      /** The graph's first output where absent; where that is a Softmax, what it is taken of. */
      readonly scores?: string;
      readonly labels?: string;
      /** Rows with this label count nothing. */
      readonly ignoredLabel?: number;
      /** Share of probability that goes to all classes alike (Szegedy et al., 2016). */
      readonly smoothing?: number;
      readonly classWeights?: readonly number[];
      /** The last axis holds the classes, or, for images, axis 1. */
      readonly classAxis?: 1 | -1;
    }
  /** T^2 KL(targets, softmax(scores / T)), mean over rows (Hinton, Vinyals, Dean, 2015); targets are probabilities. */
  | {
      readonly kind: 'softTargets';
      readonly scores?: string;
      readonly targets?: string;
      readonly temperature?: number;
    }
  /** Mean of (output - target)^2 over all elements. */
  | { readonly kind: 'squares'; readonly output?: string; readonly targets?: string }
  /** Mean of r^2 / 2 where |r| <= delta and delta (|r| - delta / 2) beyond, r = output - target (Huber, 1964). */
  | {
      readonly kind: 'huber';
      readonly output?: string;
      readonly targets?: string;
      /** 1 where absent. */
      readonly delta?: number;
    }
  /** Mean of softplus(z) - z t: sigmoid and cross-entropy in one, without overflow. */
  | { readonly kind: 'binary'; readonly scores?: string; readonly targets?: string }
  /** Mean over rows of 1 - cosine(output, target), along the last axis. */
  | { readonly kind: 'cosine'; readonly output?: string; readonly targets?: string }
  /** A value of the graph that is a loss already. */
  | { readonly kind: 'value'; readonly value: string }
  | { readonly kind: 'sum'; readonly parts: readonly { readonly weight: number; readonly loss: Loss }[] };

/** Returns the name of the scalar. Throws MODEL_REFUSED where the loss does not fit the graph. */
export function writeLoss(write: Writer, loss: Loss): string {
  switch (loss.kind) {
    case 'crossEntropy':
      return crossEntropy(write, loss);
    case 'softTargets':
      return softTargets(write, loss);
    case 'squares': {
      const output = outputOf(write, loss.output);
      const apart = write.op('Sub', [output, target(write, loss.targets, output)]);
      return write.reduce('Mean', write.op('Mul', [apart, apart]), undefined, false);
    }
    case 'huber':
      return huber(write, loss);
    case 'binary': {
      const scores = beforeActivation(write, outputOf(write, loss.scores), 'Sigmoid');
      const wanted = write.op('Mul', [scores, target(write, loss.targets, scores)]);
      const each = write.op('Sub', [write.op('Softplus', [scores]), wanted]);
      return write.reduce('Mean', each, undefined, false);
    }
    case 'cosine':
      return cosine(write, loss);
    case 'value':
      if (write.rank(loss.value) !== 0)
        throw refusal(`"${clip(loss.value)}" is not a single number, so it is no loss.`, {
          tensor: loss.value,
        });
      return loss.value;
    case 'sum': {
      const parts = loss.parts.map(({ weight, loss: part }) => {
        const value = writeLoss(write, part);
        write.refresh();
        return write.op('Mul', [value, write.float(weight, value)]);
      });
      return parts.length === 1 ? (parts[0] ?? '') : write.op('Sum', parts);
    }
  }
}

function crossEntropy(write: Writer, loss: Extract<Loss, { kind: 'crossEntropy' }>): string {
  const given = beforeActivation(write, outputOf(write, loss.scores), 'Softmax');
  const shape = write.shape(given);
  if (shape.length < 2) throw refusal(`"${clip(given)}" has no rows of scores.`, { tensor: given, shape });
  const flat = shape.length > 2 && loss.classAxis !== 1;
  const classes = write.size(given, loss.classAxis === 1 ? 1 : -1);
  const rows = loss.classAxis === 1 ? [shape[0] ?? 1, ...shape.slice(2)] : shape.slice(0, -1);
  const labels = inputOnce(write, loss.labels ?? 'labels', T.INT64, rows);
  const scores = flat ? write.op('Reshape', [given, write.ints([-1, classes])]) : given;
  const wanted = flat ? write.op('Reshape', [labels, write.ints([-1])]) : labels;
  const weights =
    loss.classWeights === undefined
      ? []
      : [write.floats([loss.classWeights.length], loss.classWeights, given)];
  const hard = write.op('SoftmaxCrossEntropyLoss', [scores, wanted, ...weights], {
    reduction: 'mean',
    ignore_index: loss.ignoredLabel,
  });
  const smoothing = loss.smoothing ?? 0;
  if (smoothing === 0) return hard;
  const axis = loss.classAxis === 1 ? 1 : -1;
  const logs = write.op('LogSoftmax', [scores], { axis });
  const even = write.op('Neg', [write.reduce('Mean', logs, undefined, false)]);
  return write.op('Add', [
    write.op('Mul', [hard, write.float(1 - smoothing, given)]),
    write.op('Mul', [even, write.float(smoothing, given)]),
  ]);
}

/** With a = |r| and q = min(a, delta) both branches are q^2 / 2 + delta (a - q). */
function huber(
  write: Writer,
  { output: name, targets, delta = 1 }: Extract<Loss, { kind: 'huber' }>,
): string {
  const output = outputOf(write, name);
  const apart = write.op('Abs', [write.op('Sub', [output, target(write, targets, output)])]);
  const near = write.op('Min', [apart, write.float(delta, output)]);
  const square = write.op('Mul', [write.op('Mul', [near, near]), write.float(0.5, output)]);
  const beyond = write.op('Mul', [write.op('Sub', [apart, near]), write.float(delta, output)]);
  return write.reduce('Mean', write.op('Add', [square, beyond]), undefined, false);
}

const LEAST_PROBABILITY = 1e-12; // 0 log 0 is 0, but not in floating point

function softTargets(write: Writer, loss: Extract<Loss, { kind: 'softTargets' }>): string {
  const scores = beforeActivation(write, outputOf(write, loss.scores), 'Softmax');
  const temperature = loss.temperature ?? 1;
  const targets = target(write, loss.targets, scores);
  const cool = write.op('Mul', [scores, write.float(1 / temperature, scores)]);
  const own = write.op('Log', [write.op('Max', [targets, write.float(LEAST_PROBABILITY, scores)])]);
  const apart = write.op('Sub', [own, write.op('LogSoftmax', [cool], { axis: -1 })]);
  const rows = write.reduce('Sum', write.op('Mul', [targets, apart]), [-1], false);
  const mean = write.op('ReduceMean', [rows], { keepdims: 0 });
  return write.op('Mul', [mean, write.float(temperature ** 2, scores)]);
}

const SHORTEST = 1e-12; // a row of zeros has no direction; its cosine counts 0

function cosine(write: Writer, loss: Extract<Loss, { kind: 'cosine' }>): string {
  const output = outputOf(write, loss.output);
  const targets = target(write, loss.targets, output);
  const along = write.reduce('Sum', write.op('Mul', [output, targets]), [-1], false);
  const length = (value: string): string => {
    const squares = write.reduce('Sum', write.op('Mul', [value, value]), [-1], false);
    return write.op('Sqrt', [write.op('Add', [squares, write.float(SHORTEST, output)])]);
  };
  const cosines = write.op('Div', [along, write.op('Mul', [length(output), length(targets)])]);
  const mean = write.reduce('Mean', cosines, undefined, false);
  return write.op('Sub', [write.float(1, output), mean]);
}

function outputOf({ graph }: Writer, name: string | undefined): string {
  const [first] = graph.outputs;
  const chosen = name ?? first?.name;
  if (
    chosen === undefined ||
    (graph.producer(chosen) === undefined && !graph.inputs.some((one) => one.name === chosen))
  )
    throw refusal(`The graph makes no "${clip(chosen ?? '')}" for the loss.`, { tensor: chosen });
  return chosen;
}

/** Served graphs end in probabilities; the loss is computed from the scores before them, where it cannot overflow. */
function beforeActivation({ graph }: Writer, name: string, activation: 'Softmax' | 'Sigmoid'): string {
  let made = name;
  for (let node = graph.producer(made); node !== undefined; node = graph.producer(made)) {
    const [input = ''] = node.input;
    if (node.opType === activation) return input;
    if (node.opType !== 'Identity') return name;
    made = input;
  }
  return name;
}

function target(write: Writer, name: string | undefined, like: string): string {
  return inputOnce(write, name ?? 'targets', write.dataType(like), write.shape(like));
}

/** Two parts of a loss may share their targets. */
function inputOnce(write: Writer, name: string, dataType: T, shape: readonly Dim[]): string {
  const { graph } = write;
  if (graph.inputs.some((input) => input.name === name) || graph.producer(name) !== undefined) return name;
  graph.proto.input.push(
    valueInfo(
      name,
      dataType,
      shape.map((dim) => (typeof dim === 'string' && dim.startsWith('?') ? '' : dim)),
    ),
  );
  write.refresh();
  return name;
}
