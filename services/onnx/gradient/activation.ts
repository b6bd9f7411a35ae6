// Backward rules of activations, from the output where it is enough, so that the input can be freed.
import { floatOf, stringOf } from '../attributes.js';
import type { Graph } from '../graph.js';
import { type NodeProto, TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { sumToInput } from './broadcast.js';
import { scaled } from './elementwise.js';
import type { Asked, GradientRule, GradientRules } from './rule.js';

const number = (asked: Asked, value: number): string => asked.write.float(value, asked.output());
const isPositive = (asked: Asked, name: string): string =>
  asked.write.op('Greater', [name, number(asked, 0)]);

/** dY where x > 0, else what `below` says. */
const kinked =
  (below: (asked: Asked) => string): GradientRule =>
  (asked) => [asked.write.op('Where', [isPositive(asked, asked.input(0)), asked.dY, below(asked)])];

// Times the smallest normal float this is 3.5: every positive output becomes 1, and 0 stays 0.
const STEEPEST = 3e38;

/**
 * 1 where the output is positive, in one pass that onnxruntime splits among its threads: 0.6 ms for 800,000 elements
 * where Sign takes 1.2 ms and Greater with Where 1.0 ms.
 */
const gate = (asked: Asked, y: string): string =>
  asked.write.dataType(y) === T.FLOAT
    ? asked.write.op('HardSigmoid', [y], { alpha: STEEPEST, beta: 0 })
    : asked.write.op('Sign', [y]);

const relu: GradientRule = (asked) => {
  if (gatedAtPool(asked)) return [asked.dY];
  return [asked.write.op('Mul', [asked.dY, gate(asked, asked.output())])];
};

/**
 * What comes back through a pool is zero but at the winners, so it is gated there, where there are fewer elements: the
 * winner is positive if the pooled value is.
 */
function gatedAtPool(asked: Asked): boolean {
  const { graph } = asked.write;
  if (graph.consumers(asked.dY).size > 0) return false;
  const narrow = behindPool(graph, asked.dY);
  if (narrow === undefined) return false;
  const pool = graph.producer(narrow.pooled);
  if (pool?.opType !== 'MaxPool' || pool.input[0] !== asked.output()) return false;
  const gated = asked.write.op('Mul', [narrow.node.input[0] ?? '', gate(asked, narrow.pooled)]);
  graph.edit(narrow.node, (node) => {
    node.input[0] = gated;
  });
  return true;
}

/** The node that makes a pooled gradient wide again, and the pooled values: one for each form of pooling.ts. */
function behindPool(graph: Graph, dX: string): { node: NodeProto; pooled: string } | undefined {
  const node = graph.producer(dX);
  if (node?.opType === 'MaxUnpool') {
    const pooled = graph.producer(node.input[1] ?? '')?.output[0];
    return pooled === undefined ? undefined : { node, pooled };
  }
  if (node?.opType !== 'Mul') return undefined;
  const [largest = '', each = ''] = node.input;
  const [cast, wide] = [graph.producer(largest), graph.producer(each)];
  const equal = cast?.opType === 'Cast' ? graph.producer(cast.input[0] ?? '') : undefined;
  const compared = equal?.opType === 'Equal' ? graph.producer(equal.input[1] ?? '') : undefined;
  const pooled = compared?.opType === 'Resize' ? compared.input[0] : undefined;
  return wide?.opType !== 'Resize' || pooled === undefined ? undefined : { node: wide, pooled };
}

const leakyRelu = kinked((asked) =>
  asked.write.op('Mul', [asked.dY, number(asked, floatOf(asked.node, 'alpha', 0.01))]),
);

const pRelu: GradientRule = (asked) => {
  const { write, dY } = asked;
  const [x, slope] = [asked.input(0), asked.input(1)];
  const below = write.op('Min', [x, number(asked, 0)]);
  return [
    asked.wants(0) ? write.op('Where', [isPositive(asked, x), dY, write.op('Mul', [dY, slope])]) : undefined,
    asked.wants(1) ? sumToInput(asked, write.op('Mul', [dY, below]), 1) : undefined,
  ];
};

const hardSigmoidMask = (asked: Asked): string => {
  const y = asked.output();
  return asked.write.op('And', [isPositive(asked, y), asked.write.op('Less', [y, number(asked, 1)])]);
};

const hardSigmoid: GradientRule = (asked) => {
  const slope = asked.write.op('Mul', [asked.dY, number(asked, floatOf(asked.node, 'alpha', 0.2))]);
  return [asked.write.op('Where', [hardSigmoidMask(asked), slope, number(asked, 0)])];
};

/** 0 up to -3, x/3 + 1/2 between, 1 from 3. */
const hardSwish: GradientRule = (asked) => {
  const { write, dY } = asked;
  const x = asked.input(0);
  const third = write.op('Mul', [x, number(asked, 1 / 3)]);
  const between = write.op('Mul', [dY, write.op('Add', [third, number(asked, 0.5)])]);
  const low = write.op('LessOrEqual', [x, number(asked, -3)]);
  const high = write.op('GreaterOrEqual', [x, number(asked, 3)]);
  return [write.op('Where', [low, number(asked, 0), write.op('Where', [high, dY, between])])];
};

/** P(x) + x p(x), P and p the gaussian distribution and density (Hendrycks and Gimpel, 2016). */
const geluExact = (asked: Asked): string => {
  const { write } = asked;
  const x = asked.input(0);
  const erf = write.op('Erf', [write.op('Mul', [x, number(asked, Math.SQRT1_2)])]);
  const distribution = write.op('Mul', [write.op('Add', [erf, number(asked, 1)]), number(asked, 0.5)]);
  const half = write.op('Mul', [write.op('Mul', [x, x]), number(asked, -0.5)]);
  const density = write.op('Mul', [write.op('Exp', [half]), number(asked, 1 / Math.sqrt(2 * Math.PI))]);
  return write.op('Add', [distribution, write.op('Mul', [x, density])]);
};

/** With u = sqrt(2/pi) (x + 0.044715 x^3) and t = tanh u: (1 + t)/2 + x (1 - t^2) u' / 2. */
const geluTanh = (asked: Asked): string => {
  const { write } = asked;
  const x = asked.input(0);
  const times = (a: string, b: string): string => write.op('Mul', [a, b]);
  const plus = (a: string, b: number): string => write.op('Add', [a, number(asked, b)]);
  const rate = Math.sqrt(2 / Math.PI);
  const squared = times(x, x);
  const inner = times(x, plus(times(squared, number(asked, 0.044715 * rate)), rate));
  const t = write.op('Tanh', [inner]);
  const slope = plus(times(squared, number(asked, 3 * 0.044715 * rate)), rate);
  const bend = times(write.op('Sub', [number(asked, 1), times(t, t)]), times(x, slope));
  return times(plus(write.op('Add', [t, bend]), 1), number(asked, 0.5));
};

export const activation: GradientRules = {
  Relu: relu,
  LeakyRelu: leakyRelu,
  PRelu: pRelu,
  ThresholdedRelu: (asked) => {
    const mask = asked.write.op('Greater', [asked.input(0), number(asked, floatOf(asked.node, 'alpha', 1))]);
    return [asked.write.op('Where', [mask, asked.dY, number(asked, 0)])];
  },
  Elu: kinked((asked) => {
    const alpha = floatOf(asked.node, 'alpha', 1);
    return asked.write.op('Mul', [asked.dY, asked.write.op('Add', [asked.output(), number(asked, alpha)])]);
  }),
  Celu: kinked((asked) => {
    const alpha = floatOf(asked.node, 'alpha', 1);
    const power = asked.write.op('Exp', [asked.write.op('Mul', [asked.input(0), number(asked, 1 / alpha)])]);
    return asked.write.op('Mul', [asked.dY, power]);
  }),
  Selu: (asked) => {
    const { write, dY } = asked;
    const alpha = floatOf(asked.node, 'alpha', 1.6732632423543772);
    const gamma = floatOf(asked.node, 'gamma', 1.0507009873554805);
    const below = write.op('Add', [asked.output(), number(asked, gamma * alpha)]);
    const slope = write.op('Where', [isPositive(asked, asked.input(0)), number(asked, gamma), below]);
    return [write.op('Mul', [dY, slope])];
  },
  Sigmoid: scaled((asked) => {
    const y = asked.output();
    return asked.write.op('Mul', [y, asked.write.op('Sub', [number(asked, 1), y])]);
  }),
  Tanh: scaled((asked) => {
    const y = asked.output();
    return asked.write.op('Sub', [number(asked, 1), asked.write.op('Mul', [y, y])]);
  }),
  Softplus: scaled((asked) => asked.write.op('Sigmoid', [asked.input(0)])),
  Softsign: scaled((asked) => {
    const wide = asked.write.op('Add', [asked.write.op('Abs', [asked.input(0)]), number(asked, 1)]);
    return asked.write.op('Reciprocal', [asked.write.op('Mul', [wide, wide])]);
  }),
  HardSigmoid: hardSigmoid,
  HardSwish: hardSwish,
  Gelu: scaled((asked) =>
    stringOf(asked.node, 'approximate', 'none') === 'tanh' ? geluTanh(asked) : geluExact(asked),
  ),
};
