// Backward rules of reductions: what was summed is spread again.
import { intOf } from '../attributes.js';
import type { Asked, GradientRule, GradientRules } from './rule.js';

/** The reduced axes, counted from the start; undefined for all of them, empty for none. */
function axesOf(asked: Asked): number[] | undefined {
  const rank = asked.write.rank(asked.input(0));
  const axes = asked.write.numbers(asked.node.input[1]);
  if (asked.has(1) && axes === undefined) throw asked.refuse('axes that are computed');
  if (axes === undefined || axes.length === 0)
    return intOf(asked.node, 'noop_with_empty_axes', 0) === 1 ? [] : undefined;
  return axes.map((axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b);
}

/** A value shaped as the output, with the reduced axes as axes of size 1. */
function unreduced(asked: Asked, value: string): string {
  const axes = axesOf(asked) ?? asked.write.shape(asked.input(0)).map((_, i) => i);
  if (intOf(asked.node, 'keepdims', 1) === 1 || axes.length === 0) return value;
  return asked.write.op('Unsqueeze', [value, asked.write.ints(axes)]);
}

const spread = (asked: Asked, value: string): string =>
  asked.write.op('Expand', [value, asked.write.shapeOf(asked.input(0), 'expand')]);

/** dX = dY * factor, with dY spread by the product itself. */
const times =
  (factor: (asked: Asked) => string): GradientRule =>
  (asked) => [asked.write.op('Mul', [unreduced(asked, asked.dY), factor(asked)])];

/** Ties give each winner the full gradient. */
const extreme: GradientRule = (asked) => {
  const { write } = asked;
  const winner = write.op('Equal', [asked.input(0), unreduced(asked, asked.output())]);
  return [write.op('Where', [winner, unreduced(asked, asked.dY), write.float(0, asked.input(0))])];
};

export const reduction: GradientRules = {
  ReduceSum: (asked) => [spread(asked, unreduced(asked, asked.dY))],
  ReduceMean: (asked) => {
    const { write } = asked;
    const share = write.op('Div', [unreduced(asked, asked.dY), write.count(asked.input(0), axesOf(asked))]);
    return [spread(asked, share)];
  },
  ReduceMax: extreme,
  ReduceMin: extreme,
  ReduceSumSquare: times((asked) =>
    asked.write.op('Mul', [asked.input(0), asked.write.float(2, asked.input(0))]),
  ),
  ReduceL1: times((asked) => asked.write.op('Sign', [asked.input(0)])),
  ReduceL2: times((asked) => asked.write.op('Div', [asked.input(0), unreduced(asked, asked.output())])),
  ReduceLogSum: (asked) => {
    const sum = asked.write.op('Exp', [unreduced(asked, asked.output())]);
    return [spread(asked, asked.write.op('Div', [unreduced(asked, asked.dY), sum]))];
  },
  ReduceLogSumExp: times((asked) =>
    asked.write.op('Exp', [asked.write.op('Sub', [asked.input(0), unreduced(asked, asked.output())])]),
  ),
  // No factor may be 0: the product of the others is found by division.
  ReduceProd: times((asked) => asked.write.op('Div', [unreduced(asked, asked.output()), asked.input(0)])),
};
