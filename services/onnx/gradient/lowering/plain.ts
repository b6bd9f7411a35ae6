// Operators that are a few others in a row.
import { floatOf, intOf } from '../../attributes.js';
import { inputOf, unsupported, type Lowering, type Lowerings } from './lowering.js';

/** x tanh(softplus x) (Misra, 2019). */
const mish: Lowering = (write, node) => {
  const x = inputOf(node, 0);
  return [write.op('Mul', [x, write.op('Tanh', [write.op('Softplus', [x])])])];
};

/** x sigmoid(alpha x) (Ramachandran et al., 2017). */
export const swish =
  (usual: number): Lowering =>
  (write, node) => {
    const x = inputOf(node, 0);
    const alpha = floatOf(node, 'alpha', usual);
    const gate = alpha === 1 ? x : write.op('Mul', [x, write.float(alpha, x)]);
    return [write.op('Mul', [x, write.op('Sigmoid', [gate])])];
  };

/**
 * x / (bias + alpha/size * sum of squares over neighbouring channels)^beta (Krizhevsky et al., 2012). The channels become
 * an image's rows, and an average that counts the pads is the sum divided by size.
 */
const localResponse: Lowering = (write, node) => {
  const x = inputOf(node, 0);
  const size = intOf(node, 'size', 1);
  const before = Math.floor((size - 1) / 2);
  const rows = write.op('Reshape', [write.op('Mul', [x, x]), write.ints([0, 1, write.size(x, 1), -1])]);
  const mean = write.op('AveragePool', [rows], {
    kernel_shape: [size, 1],
    pads: [before, 0, size - 1 - before, 0],
    count_include_pad: 1,
  });
  const scaled = write.op('Mul', [write.reshapeLike(mean, x), write.float(floatOf(node, 'alpha', 1e-4), x)]);
  const base = write.op('Add', [scaled, write.float(floatOf(node, 'bias', 1), x)]);
  const factor = write.op('Pow', [base, write.float(-floatOf(node, 'beta', 0.75), x)]);
  return [write.op('Mul', [x, factor])];
};

/** Groups of channels as instances of their own (Wu and He, 2018). */
const groupNorm: Lowering = (write, node) => {
  const [x, scale, bias] = [inputOf(node, 0), inputOf(node, 1), inputOf(node, 2)];
  const groups = intOf(node, 'num_groups', 1);
  const channels = write.size(x, 1);
  if (write.size(scale, 0) !== channels) throw unsupported(node, 'one scale per group');
  const [ones, zeros] = [new Float32Array(groups).fill(1), new Float32Array(groups)];
  const normal = write.op(
    'InstanceNormalization',
    [
      write.op('Reshape', [x, write.ints([0, groups, -1])]),
      write.floats([groups], ones, x),
      write.floats([groups], zeros, x),
    ],
    { epsilon: floatOf(node, 'epsilon', 1e-5) },
  );
  const wide = write.ints([
    channels,
    ...write
      .shape(x)
      .slice(2)
      .map(() => 1),
  ]);
  const along = (name: string): string => write.op('Reshape', [name, wide]);
  const weighted = write.op('Mul', [write.reshapeLike(normal, x), along(scale)]);
  return [write.op('Add', [weighted, along(bias)])];
};

/** x / |x| along an axis. */
const lpNorm: Lowering = (write, node) => {
  const x = inputOf(node, 0);
  const axis = write.ints([intOf(node, 'axis', -1)]);
  return [write.op('Div', [x, write.op(intOf(node, 'p', 2) === 1 ? 'ReduceL1' : 'ReduceL2', [x, axis])])];
};

export const plain: Lowerings = {
  Mish: mish,
  Swish: swish(1),
  LRN: localResponse,
  GroupNormalization: groupNorm,
  LpNormalization: lpNorm,
};
