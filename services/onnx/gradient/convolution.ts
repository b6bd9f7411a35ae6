// Backward rules of Conv and ConvTranspose, in one to three dimensions, with groups, strides, dilations and any pads.
// The input's gradient is a ConvTranspose with the same window; the weight's is one Conv of the input with the gradient
// as kernel, strides and dilations exchanged (Dumoulin and Visin, 2016). convolution-forms.ts has faster forms.
import { intOf, intsOf, stringOf } from '../attributes.js';
import {
  type Convolution,
  depthwiseWeightGradient,
  flippedInputGradient,
  stackedWeightGradient,
} from './convolution-forms.js';
import type { Asked, GradientRule, GradientRules } from './rule.js';
import { at, unreached, windowOf } from './window.js';

const conv: GradientRule = (asked) => {
  const { write, dY } = asked;
  const [x, w] = [asked.input(0), asked.input(1)];
  const kernel = kernelOf(asked, w);
  const shape: Convolution = {
    asked,
    window: windowOf(asked, x, asked.output(), kernel),
    group: intOf(asked.node, 'group', 1),
    channels: write.size(x, 1),
    filters: write.size(w, 0),
  };
  return [
    asked.wants(0) ? inputGradient(shape, w, dY) : undefined,
    asked.wants(1) ? weightGradient(shape, x, dY) : undefined,
    asked.wants(2) ? overChannels(asked, dY) : undefined,
  ];
};

const convTranspose: GradientRule = (asked) => {
  const { write, dY, node } = asked;
  if (stringOf(node, 'auto_pad', 'NOTSET') !== 'NOTSET' || intsOf(node, 'output_shape') !== undefined)
    throw asked.refuse('auto_pad or output_shape');
  const [x, w] = [asked.input(0), asked.input(1)];
  const shape: Convolution = {
    asked,
    window: windowOf(asked, asked.output(), x, kernelOf(asked, w)),
    group: intOf(node, 'group', 1),
    channels: write.size(asked.output(), 1),
    filters: write.size(w, 0),
  };
  return [
    asked.wants(0) ? write.op('Conv', [dY, w], attributesOf(shape)) : undefined,
    asked.wants(1) ? weightGradient(shape, dY, x) : undefined,
    asked.wants(2) ? overChannels(asked, dY) : undefined,
  ];
};

const kernelOf = (asked: Asked, weight: string): number[] =>
  asked.write.shape(weight).flatMap((_, i) => (i < 2 ? [] : [asked.write.size(weight, i)]));

const attributesOf = ({ window, group }: Convolution) => ({
  strides: [...window.strides],
  dilations: [...window.dilations],
  pads: [...window.begin, ...window.end],
  group,
});

function overChannels({ write, node }: Asked, dY: string): string {
  const rank = write.rank(node.output[0] ?? '');
  const axes = Array.from({ length: rank }, (_, i) => i).filter((axis) => axis !== 1);
  return write.reduce('Sum', dY, axes, false);
}

function inputGradient(shape: Convolution, w: string, dY: string): string {
  if (shape.asked.forms.convolution !== 'plain') {
    const flipped = flippedInputGradient(shape, w, dY);
    if (flipped !== undefined) return flipped;
  }
  return shape.asked.write.op('ConvTranspose', [dY, w], {
    ...attributesOf(shape),
    output_padding: unreached(shape.window),
  });
}

function weightGradient(shape: Convolution, image: string, gradient: string): string {
  if (shape.asked.forms.convolution !== 'plain') {
    const fast =
      depthwiseWeightGradient(shape, image, gradient) ?? stackedWeightGradient(shape, image, gradient);
    if (fast !== undefined) return fast;
  }
  return convolvedWeightGradient(shape, image, gradient);
}

/** The batch becomes the channels that are summed over, each group with its own. */
function convolvedWeightGradient(shape: Convolution, image: string, gradient: string): string {
  const { group, window, channels } = shape;
  const { write } = shape.asked;
  const { kernel, strides, dilations, begin, end } = window;
  const spatial = kernel.map((_, i) => i);
  const perGroup = channels / group;
  const grouped = write.op('Reshape', [image, write.ints([-1, group, perGroup, ...window.input])]);
  const turned = write.op('Transpose', [grouped], { perm: [2, 1, 0, ...spatial.map((i) => i + 3)] });
  const wide = write.op('Reshape', [turned, write.ints([perGroup, -1, ...window.input])]);
  const kernels = write.op('Transpose', [gradient], { perm: [1, 0, ...spatial.map((i) => i + 2)] });
  const sums = write.op('Conv', [wide, kernels], {
    strides: [...dilations],
    dilations: [...strides],
    pads: [...begin, ...end],
    group,
  });
  // Rows that no window reaches give further positions, which belong to no weight.
  const isLonger = unreached(window).some((rows, i) => rows >= at(dilations, i));
  const cut = isLonger
    ? write.op('Slice', [
        sums,
        write.ints(spatial.map(() => 0)),
        write.ints(kernel),
        write.ints(spatial.map((i) => i + 2)),
      ])
    : sums;
  return write.op('Transpose', [cut], { perm: [1, 0, ...spatial.map((i) => i + 2)] });
}

export const convolution: GradientRules = { Conv: conv, ConvTranspose: convTranspose };
