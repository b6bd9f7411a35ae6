// Backward rules of normalisations. All share one form: with xh the normalised input and G = dY scale,
// dX = (G - mean(G) - xh mean(G xh)) / deviation; the root-mean-square variants have no mean to subtract.
// Ioffe and Szegedy 2015; Ba, Kiros and Hinton 2016; Zhang and Sennrich 2019.
import { floatOf, intOf } from '../attributes.js';
import { sumTo } from './broadcast.js';
import type { Asked, GradientRule, GradientRules } from './rule.js';

interface Normalised {
  readonly hat: string;
  /** 1 / deviation, broadcast over the input. */
  readonly inverse: string;
  /** The axes that statistics are taken over. */
  readonly axes: readonly number[];
  readonly centred: boolean;
}

function inputGradient(asked: Asked, weighted: string, { hat, inverse, axes, centred }: Normalised): string {
  const { write } = asked;
  const along = write.op('Mul', [hat, write.reduce('Mean', write.op('Mul', [weighted, hat]), axes)]);
  const level = centred ? write.op('Sub', [weighted, write.reduce('Mean', weighted, axes)]) : weighted;
  return write.op('Mul', [write.op('Sub', [level, along]), inverse]);
}

function inverseDeviation(asked: Asked, variance: string, epsilon: number): string {
  const { write } = asked;
  const safe = write.op('Add', [variance, write.float(epsilon, asked.input(0))]);
  return write.op('Reciprocal', [write.op('Sqrt', [safe])]);
}

/** Statistics computed from the input itself, for kernels that do not hand them out. */
function normalised(asked: Asked, axes: readonly number[], centred: boolean): Normalised {
  const { write } = asked;
  const x = asked.input(0);
  const level = centred ? write.op('Sub', [x, write.reduce('Mean', x, axes)]) : x;
  const variance = write.reduce('Mean', write.op('Mul', [level, level]), axes);
  const inverse = inverseDeviation(asked, variance, floatOf(asked.node, 'epsilon', 1e-5));
  return { hat: write.op('Mul', [level, inverse]), inverse, axes, centred };
}

/** Scale and bias of shape [C] as [C, 1, 1]: they stand along axis 1. */
function alongChannels({ write }: Asked, name: string, rank: number): string {
  return write.op('Reshape', [name, write.ints([-1, ...Array.from({ length: rank - 2 }, () => 1)])]);
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/** Gradients for input, scale [C] and bias [C]. `all` are the axes that scale and bias are summed over. */
function perChannel(asked: Asked, stats: Normalised, rank: number): (string | undefined)[] {
  const { write, dY } = asked;
  const all = [0, ...range(2, rank)];
  const weighted = (): string => write.op('Mul', [dY, alongChannels(asked, asked.input(1), rank)]);
  return [
    asked.wants(0) ? inputGradient(asked, weighted(), stats) : undefined,
    asked.wants(1) ? write.reduce('Sum', write.op('Mul', [dY, stats.hat]), all, false) : undefined,
    asked.wants(2) ? write.reduce('Sum', dY, all, false) : undefined,
  ];
}

/** In training mode statistics are those of the batch; otherwise the running ones, which are constants. */
const batchNorm: GradientRule = (asked) => {
  const { write, dY } = asked;
  const rank = write.rank(asked.input(0));
  if (intOf(asked.node, 'training_mode', 0) === 1)
    return perChannel(asked, normalised(asked, [0, ...range(2, rank)], true), rank);
  const inverse = alongChannels(
    asked,
    inverseDeviation(asked, asked.input(4), floatOf(asked.node, 'epsilon', 1e-5)),
    rank,
  );
  const factor = (): string => write.op('Mul', [inverse, alongChannels(asked, asked.input(1), rank)]);
  const hat = (): string => {
    const level = write.op('Sub', [asked.input(0), alongChannels(asked, asked.input(3), rank)]);
    return write.op('Mul', [level, inverse]);
  };
  const all = [0, ...range(2, rank)];
  return [
    asked.wants(0) ? write.op('Mul', [dY, factor()]) : undefined,
    asked.wants(1) ? write.reduce('Sum', write.op('Mul', [dY, hat()]), all, false) : undefined,
    asked.wants(2) ? write.reduce('Sum', dY, all, false) : undefined,
  ];
};

const instanceNorm: GradientRule = (asked) => {
  const rank = asked.write.rank(asked.input(0));
  return perChannel(asked, normalised(asked, range(2, rank), true), rank);
};

/** Scale and bias have the shape of the normalised axes and are broadcast over the others. */
function overLastAxes(asked: Asked, stats: Normalised): (string | undefined)[] {
  const { write, dY } = asked;
  const shape = write.shape(asked.input(0));
  return [
    asked.wants(0) ? inputGradient(asked, write.op('Mul', [dY, asked.input(1)]), stats) : undefined,
    asked.wants(1) ? sumTo(write, write.op('Mul', [dY, stats.hat]), shape, asked.input(1)) : undefined,
    asked.wants(2) ? sumTo(write, dY, shape, asked.input(2)) : undefined,
  ];
}

function lastAxes(asked: Asked): number[] {
  const rank = asked.write.rank(asked.input(0));
  const axis = intOf(asked.node, 'axis', -1);
  return range(axis < 0 ? axis + rank : axis, rank);
}

/** The kernel hands out mean and 1/deviation. */
const layerNorm: GradientRule = (asked) => {
  const { write } = asked;
  const [mean, inverse] = [asked.demandOutput(1), asked.demandOutput(2)];
  const hat = write.op('Mul', [write.op('Sub', [asked.input(0), mean]), inverse]);
  return overLastAxes(asked, { hat, inverse, axes: lastAxes(asked), centred: true });
};

const rmsNorm: GradientRule = (asked) => overLastAxes(asked, normalised(asked, lastAxes(asked), false));

export const normalization: GradientRules = {
  BatchNormalization: batchNorm,
  InstanceNormalization: instanceNorm,
  LayerNormalization: layerNorm,
  RMSNormalization: rmsNorm,
  SimplifiedLayerNormalization: rmsNorm,
};
