// Backward rules of poolings: the largest element gets the gradient of its window, averaged elements share it.
// Where halves the picture in both axes, the largest is found again by comparing, because a pool that also gives indices takes
// twenty times as long as one that does not (1.7 ms against 0.08 ms for 64 x 16 x 28 x 28 on two cores).
import { intOf, intsOf } from '../attributes.js';
import type { Asked, GradientRule, GradientRules } from './rule.js';
import { at, taps, unreached, windowOf, type Window } from './window.js';

function poolWindow(asked: Asked): Window {
  const kernel = intsOf(asked.node, 'kernel_shape');
  if (kernel === undefined) throw asked.refuse('no kernel_shape');
  return windowOf(asked, asked.input(0), asked.output(), kernel);
}

/** Windows that neither meet nor leave anything out, nor reach into pads. */
const isTiling = ({ kernel, strides, dilations, begin, end }: Window): boolean =>
  kernel.every(
    (size, i) => size === at(strides, i) && at(dilations, i) === 1 && at(begin, i) === 0 && at(end, i) === 0,
  );

/** Two by two, everything covered, nothing left over. */
const isHalving = (window: Window): boolean =>
  isTiling(window) &&
  window.kernel.length === 2 &&
  window.kernel.every((size, i) => size === 2 && at(window.input, i) === 2 * at(window.output, i));

/**
 * Equals share their window's gradient, a subgradient as good as giving all of it to the first: a flat background gives its
 * gradient once either way.
 */
function halved(asked: Asked): string {
  const { write, dY } = asked;
  const x = asked.input(0);
  const wide = (narrow: string): string =>
    write.op('Resize', [narrow, '', write.floats([4], [1, 1, 2, 2], x)], {
      mode: 'nearest',
      coordinate_transformation_mode: 'asymmetric',
      nearest_mode: 'floor',
    });
  const largest = write.op('Cast', [write.op('Equal', [x, wide(asked.output())])], { to: write.dataType(x) });
  const share = write.op('AveragePool', [largest], { kernel_shape: [2, 2], strides: [2, 2] });
  const each = write.op('Div', [dY, write.op('Mul', [share, write.float(4, x)])]);
  return write.op('Mul', [largest, wide(each)]);
}

/**
 * The kernel's indices count over the whole tensor. MaxUnpool is twice as fast as scattering, but overwrites where
 * windows meet, so it serves windows that do not.
 */
const maxPool: GradientRule = (asked) => {
  const { write, dY, node } = asked;
  if (intOf(node, 'storage_order', 0) !== 0) throw asked.refuse('column-major indices');
  const x = asked.input(0);
  const window = poolWindow(asked);
  if (isHalving(window)) return [halved(asked)];
  const indices = asked.demandOutput(1);
  if (isTiling(window)) {
    const { kernel, strides } = window;
    return [
      write.op('MaxUnpool', [dY, indices, write.shapeOf(x, 'expand')], {
        kernel_shape: [...kernel],
        strides: [...strides],
      }),
    ];
  }
  const flat = (value: string): string => write.op('Reshape', [value, write.ints([-1])]);
  const zeros = write.op('Reshape', [write.zerosLike(x), write.ints([-1])]);
  const scattered = write.op('ScatterElements', [zeros, flat(indices), flat(dY)], {
    axis: 0,
    reduction: 'add',
  });
  return [write.reshapeLike(scattered, x)];
};

/** A depthwise transposed convolution with ones spreads what each window gives; how many share it is known beforehand. */
const averagePool: GradientRule = (asked) => {
  const { write, dY, node } = asked;
  const x = asked.input(0);
  const window = poolWindow(asked);
  const { kernel, strides, dilations, begin, end, output } = window;
  const counts = counted(window, intOf(node, 'count_include_pad', 0) === 1);
  const [first = 1] = counts;
  const share = counts.every((count) => count === first)
    ? write.op('Mul', [dY, write.float(1 / first, x)])
    : write.op('Mul', [
        dY,
        write.floats(
          [1, 1, ...output],
          counts.map((count) => 1 / count),
          x,
        ),
      ]);
  const channels = write.size(x, 1);
  const ones = write.floats(
    [channels, 1, ...kernel],
    new Float32Array(channels * taps(kernel).length).fill(1),
    x,
  );
  return [
    write.op('ConvTranspose', [share, ones], {
      group: channels,
      strides: [...strides],
      dilations: [...dilations],
      pads: [...begin, ...end],
      output_padding: unreached(window).map((rows) => Math.max(0, rows)),
    }),
  ];
};

/** How many elements each window averages, in the order of the output. */
function counted(window: Window, withPads: boolean): number[] {
  const { kernel, strides, dilations, begin, declaredEnd, input, output } = window;
  const perAxis = kernel.map((size, i) =>
    Array.from({ length: at(output, i) }, (_, position) => {
      const start = position * at(strides, i) - at(begin, i);
      const [low, high] = withPads ? [-at(begin, i), at(input, i) + at(declaredEnd, i)] : [0, at(input, i)];
      const elements = Array.from({ length: size }, (_, k) => start + k * at(dilations, i));
      return elements.filter((one) => one >= low && one < high).length;
    }),
  );
  return perAxis.reduce<number[]>((all, axis) => all.flatMap((a) => axis.map((b) => a * b)), [1]);
}

function spatialAxes(asked: Asked): number[] {
  return Array.from({ length: asked.write.rank(asked.input(0)) - 2 }, (_, i) => i + 2);
}

const globalAveragePool: GradientRule = (asked) => {
  const { write, dY } = asked;
  const x = asked.input(0);
  const share = write.op('Div', [dY, write.count(x, spatialAxes(asked))]);
  return [write.op('Expand', [share, write.shapeOf(x, 'expand')])];
};

/** Ties give each winner the full gradient. */
const globalMaxPool: GradientRule = (asked) => {
  const { write, dY } = asked;
  const winner = write.op('Equal', [asked.input(0), asked.output()]);
  return [write.op('Where', [winner, dY, write.float(0, asked.input(0))])];
};

export const pooling: GradientRules = {
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalAveragePool: globalAveragePool,
  GlobalMaxPool: globalMaxPool,
};
