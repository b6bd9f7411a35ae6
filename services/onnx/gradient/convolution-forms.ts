// Faster forms of the gradients of Conv, each only where its condition holds; undefined elsewhere. Measured on two cores
// at batch 64, 16 to 32 channels of 14 x 14: input gradient 2.8 ms to 1.7 ms, weight gradient 4.2 ms to 2.0 ms; depthwise
// weights 6.3 ms to 2.6 ms. convolution.ts chooses.
import type { Asked } from './rule.js';
import { at, taps, type Window } from './window.js';

const MOST_TAPS = 49; // beyond 7 x 7 the copies of the image outgrow what they save

/** A convolution as both its directions see it: of `image` [N, C, ...] with `weight` [M, C/g, ...]. */
export interface Convolution {
  readonly asked: Asked;
  readonly window: Window;
  readonly group: number;
  readonly channels: number;
  readonly filters: number;
}

/**
 * With stride 1 the gradient is an ordinary convolution with the kernel turned round, which has the faster kernels. One
 * input channel alone is the exception: too little to compute for each element read.
 */
export function flippedInputGradient(shape: Convolution, w: string, dY: string): string | undefined {
  const { window, group, channels, filters } = shape;
  const { write } = shape.asked;
  const { kernel, dilations, begin, end, strides } = window;
  const isDepthwise = group === channels && group === filters;
  if (strides.some((stride) => stride !== 1) || (group !== 1 && !isDepthwise) || channels === 1)
    return undefined;
  const reach = kernel.map((size, i) => at(dilations, i) * (size - 1));
  const pads = [begin, end].flatMap((side) => reach.map((far, i) => far - at(side, i)));
  if (pads.some((pad) => pad < 0)) return undefined;
  const spatial = kernel.map((_, i) => i + 2);
  const turned = kernel.every((size) => size === 1)
    ? w
    : write.op('Slice', [
        w,
        write.ints(spatial.map(() => -1)),
        write.ints(spatial.map(() => -(2 ** 31))),
        write.ints(spatial),
        write.ints(spatial.map(() => -1)),
      ]);
  const swapped =
    isDepthwise && group !== 1 ? turned : write.op('Transpose', [turned], { perm: [1, 0, ...spatial] });
  return write.op('Conv', [dY, swapped], { dilations: [...dilations], pads, group });
}

/**
 * The image once per position of the kernel, stacked to a matrix [C * taps, N * positions], times the gradient
 * [M, N * positions]: one product for the whole batch. Axes 0 and 1 are exchanged first, so that stacking needs no more
 * than copies.
 */
export function stackedWeightGradient(
  shape: Convolution,
  image: string,
  gradient: string,
): string | undefined {
  const { window, group, channels, filters } = shape;
  const { write } = shape.asked;
  const { kernel } = window;
  const positions = taps(kernel);
  if (group !== 1 || positions.length > MOST_TAPS) return undefined;
  const spatial = kernel.map((_, i) => i + 2);
  const exchange = (value: string): string => write.op('Transpose', [value], { perm: [1, 0, ...spatial] });
  // With one channel the exchange moves nothing.
  const batchSize = write.shape(shape.asked.input(0))[0];
  const turned =
    channels === 1 && typeof batchSize === 'number'
      ? write.op('Reshape', [image, write.ints([1, batchSize, ...window.input])])
      : exchange(image);
  const parts = shifted(shape, padded(shape, turned));
  const [only] = parts;
  const stack = parts.length === 1 && only !== undefined ? only : write.op('Concat', parts, { axis: 0 });
  const columns = write.op('Reshape', [stack, write.ints([positions.length * channels, -1])]);
  const rows = write.op('Reshape', [exchange(gradient), write.ints([filters, -1])]);
  const product = write.op('Gemm', [rows, columns], { transB: 1 });
  const unfolded = write.op('Reshape', [product, write.ints([filters, ...kernel, channels])]);
  return write.op('Transpose', [unfolded], {
    perm: [0, kernel.length + 1, ...kernel.map((_, i) => i + 1)],
  });
}

/** Every filter sees one channel: for each position of the kernel an elementwise product and its sum. */
export function depthwiseWeightGradient(
  shape: Convolution,
  image: string,
  gradient: string,
): string | undefined {
  const { window, group, channels, filters } = shape;
  const { write } = shape.asked;
  const { kernel } = window;
  if (group === 1 || group !== channels || group !== filters || taps(kernel).length > MOST_TAPS)
    return undefined;
  const spatial = kernel.map((_, i) => i + 2);
  const sums = shifted(shape, padded(shape, image)).map((part) => {
    const sum = write.reduce('Sum', write.op('Mul', [part, gradient]), [0, ...spatial], false);
    return write.op('Reshape', [sum, write.ints([channels, 1])]);
  });
  return write.op('Reshape', [write.op('Concat', sums, { axis: 1 }), write.ints([channels, 1, ...kernel])]);
}

function padded({ window, asked: { write } }: Convolution, image: string): string {
  const { begin, end } = window;
  if ([...begin, ...end].every((pad) => pad === 0)) return image;
  return write.op('Pad', [image, write.ints([0, 0, ...begin, 0, 0, ...end])]);
}

/** For each position of the kernel the part of the image that it meets, in the shape of the output. */
function shifted({ window, asked: { write } }: Convolution, image: string): string[] {
  const { kernel, dilations, strides, output, begin, end, input } = window;
  const spatial = kernel.map((_, i) => i + 2);
  return taps(kernel).map((tap) => {
    const starts = tap.map((position, i) => position * at(dilations, i));
    const ends = starts.map((start, i) => start + (at(output, i) - 1) * at(strides, i) + 1);
    const isWhole = starts.every(
      (start, i) =>
        start === 0 && ends[i] === at(input, i) + at(begin, i) + at(end, i) && at(strides, i) === 1,
    );
    if (isWhole) return image;
    return write.op('Slice', [
      image,
      write.ints(starts),
      write.ints(ends),
      write.ints(spatial),
      write.ints(strides),
    ]);
  });
}
