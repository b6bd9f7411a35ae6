// The window that Conv and the poolings slide over the image, with pads as numbers whichever way the file gives them.
import { intOf, intsOf, stringOf } from '../attributes.js';
import type { Asked } from './rule.js';

export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly begin: readonly number[];
  /** With what ceil_mode adds. */
  readonly end: readonly number[];
  /** As the file says, without what ceil_mode adds: counting the pads counts these alone. */
  readonly declaredEnd: readonly number[];
  readonly input: readonly number[];
  readonly output: readonly number[];
}

/** `image` is the wide side, `windows` the side with one element per window position. */
export function windowOf(asked: Asked, image: string, windows: string, kernel: readonly number[]): Window {
  const { node, write } = asked;
  const axes = kernel.map((_, i) => i);
  const strides = intsOf(node, 'strides') ?? axes.map(() => 1);
  const dilations = intsOf(node, 'dilations') ?? axes.map(() => 1);
  const input = axes.map((i) => write.size(image, i + 2));
  const output = axes.map((i) => write.size(windows, i + 2));
  const span = axes.map((i) => at(dilations, i) * (at(kernel, i) - 1) + 1);
  const needed = axes.map((i) => (at(output, i) - 1) * at(strides, i) + at(span, i) - at(input, i));
  const mode = stringOf(node, 'auto_pad', 'NOTSET');
  const pads = intsOf(node, 'pads') ?? axes.flatMap(() => [0, 0]);
  const begin = axes.map((i) => {
    if (mode === 'VALID') return 0;
    if (mode === 'NOTSET') return at(pads, i);
    const total = Math.max(0, at(needed, i));
    return mode === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2);
  });
  const declaredEnd = axes.map((i) => {
    if (mode === 'VALID') return 0;
    return mode === 'NOTSET' ? at(pads, i + kernel.length) : Math.max(0, at(needed, i)) - at(begin, i);
  });
  const rounded = intOf(node, 'ceil_mode', 0) === 1;
  const end = axes.map((i) =>
    rounded ? Math.max(at(declaredEnd, i), at(needed, i) - at(begin, i)) : at(declaredEnd, i),
  );
  return { kernel, strides, dilations, begin, end, declaredEnd, input, output };
}

/** Rows that no window reaches although they are there, per axis: what a transposed convolution has to add. */
export const unreached = ({ kernel, strides, dilations, begin, end, input, output }: Window): number[] =>
  kernel.map((size, i) => {
    const reach = (at(output, i) - 1) * at(strides, i) + at(dilations, i) * (size - 1) + 1;
    return at(input, i) - (reach - at(begin, i) - at(end, i));
  });

/** Every position inside the kernel, last axis fastest. */
export function taps(kernel: readonly number[]): number[][] {
  return kernel.reduce<number[][]>(
    (before, size) => before.flatMap((tap) => Array.from({ length: size }, (_, i) => [...tap, i])),
    [[]],
  );
}

/** One number per axis: lists here are as long as the kernel has axes. */
export function at(list: readonly number[], i: number): number {
  return list[i] ?? 0;
}
