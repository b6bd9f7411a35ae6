// Backward rule of Resize, nearest and linear. Both are products with one fixed matrix per axis, Y = Ah X Aw^T, so the
// gradient is the product with their transposes.
import { intOf, intsOf, stringOf } from '../attributes.js';
import type { Asked, GradientRule, GradientRules } from './rule.js';
import { resizeMatrix } from './resize-matrix.js';

const resize: GradientRule = (asked) => {
  const { write, node } = asked;
  const mode = stringOf(node, 'mode', 'nearest');
  const transformation = stringOf(node, 'coordinate_transformation_mode', 'half_pixel');
  if (mode !== 'nearest' && mode !== 'linear') throw asked.refuse(`mode ${mode}`);
  if (intOf(node, 'antialias', 0) !== 0) throw asked.refuse('antialias');
  if (!TRANSFORMATIONS.has(transformation)) throw asked.refuse(`coordinates ${transformation}`);
  const [x, y] = [asked.input(0), asked.output()];
  const rank = write.rank(x);
  const axes = intsOf(node, 'axes') ?? Array.from({ length: rank }, (_, i) => i);
  const scales = write.numbers(node.input[2]);
  let gradient = asked.dY;
  axes.forEach((given, i) => {
    const axis = given < 0 ? given + rank : given;
    if (write.shape(x)[axis] === write.shape(y)[axis]) return;
    const [from, to] = [write.size(x, axis), write.size(y, axis)];
    const scale = scales === undefined || scales.length === 0 ? to / from : (scales[i] ?? 1);
    const nearest = stringOf(node, 'nearest_mode', 'round_prefer_floor');
    const matrix = resizeMatrix({ from, to, scale, mode, transformation, nearest });
    gradient = alongAxis(asked, gradient, write.floats([to, from], matrix, x), axis, rank);
  });
  return [gradient];
};

const TRANSFORMATIONS = new Set([
  'half_pixel',
  'pytorch_half_pixel',
  'asymmetric',
  'align_corners',
  'half_pixel_symmetric',
]);

/** The axis goes last, is multiplied, and goes back. */
function alongAxis({ write }: Asked, value: string, matrix: string, axis: number, rank: number): string {
  if (axis === rank - 1) return write.op('MatMul', [value, matrix]);
  const perm = Array.from({ length: rank }, (_, i) => (i === axis ? rank - 1 : i === rank - 1 ? axis : i));
  const product = write.op('MatMul', [write.op('Transpose', [value], { perm }), matrix]);
  return write.op('Transpose', [product], { perm });
}

export const resizing: GradientRules = { Resize: resize };
