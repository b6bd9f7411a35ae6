// Backward rules of operators that pick elements by index: what was picked is scattered back, added where picked twice.
import { intOf, stringOf } from '../attributes.js';
import type { Asked, GradientRule, GradientRules } from './rule.js';

/** Rows of a table go back with ScatterND, a single element with Pad, everything else element by element. */
const gather: GradientRule = (asked) => {
  const { write, dY } = asked;
  const [table, indices] = [asked.input(0), asked.input(1)];
  const rank = write.rank(table);
  const given = intOf(asked.node, 'axis', 0);
  const axis = given < 0 ? given + rank : given;
  const picked = write.numbers(indices);
  if (write.rank(indices) === 0 && picked?.length === 1) return [padBack(asked, axis, picked[0] ?? 0)];
  if (axis === 0) {
    const rows = write.op('Unsqueeze', [indices, write.ints([-1])]);
    return [write.op('ScatterND', [write.zerosLike(table), rows, dY], { reduction: 'add' })];
  }
  const sizes = write.op('Shape', [dY]);
  const part = (from: number, to: number): string =>
    write.op('Slice', [sizes, write.ints([from]), write.ints([to])]);
  const flat = write.op('Concat', [part(0, axis), write.ints([-1]), part(axis + write.rank(indices), 99)], {
    axis: 0,
  });
  const gradient = write.op('Reshape', [dY, flat]);
  const column = write.ints(Array.from({ length: rank }, (_, i) => (i === axis ? -1 : 1)));
  const spread = write.op('Expand', [write.op('Reshape', [indices, column]), write.op('Shape', [gradient])]);
  return [
    write.op('ScatterElements', [write.zerosLike(table), spread, gradient], { axis, reduction: 'add' }),
  ];
};

function padBack(asked: Asked, axis: number, index: number): string {
  const { write, dY } = asked;
  const rank = write.rank(asked.input(0));
  const size = write.size(asked.input(0), axis);
  const at = index < 0 ? index + size : index;
  const pads = Array.from({ length: 2 * rank }, () => 0);
  pads[axis] = at;
  pads[axis + rank] = size - 1 - at;
  return write.op('Pad', [write.op('Unsqueeze', [dY, write.ints([axis])]), write.ints(pads)]);
}

const gatherElements: GradientRule = (asked) => {
  const axis = intOf(asked.node, 'axis', 0);
  const zeros = asked.write.zerosLike(asked.input(0));
  return [asked.write.op('ScatterElements', [zeros, asked.input(1), asked.dY], { axis, reduction: 'add' })];
};

const gatherND: GradientRule = (asked) => {
  if (intOf(asked.node, 'batch_dims', 0) !== 0) throw asked.refuse('batch dimensions');
  const zeros = asked.write.zerosLike(asked.input(0));
  return [asked.write.op('ScatterND', [zeros, asked.input(1), asked.dY], { reduction: 'add' })];
};

const topK: GradientRule = (asked) => {
  const zeros = asked.write.zerosLike(asked.input(0));
  const axis = intOf(asked.node, 'axis', -1);
  return [
    asked.write.op('ScatterElements', [zeros, asked.demandOutput(1), asked.dY], { axis, reduction: 'add' }),
  ];
};

/** Data that were overwritten get nothing, data that were added to keep everything. */
const scatter =
  (opType: 'ScatterND' | 'ScatterElements', back: 'GatherND' | 'GatherElements'): GradientRule =>
  (asked) => {
    const { write, dY, node } = asked;
    const reduction = stringOf(node, 'reduction', 'none');
    if (reduction !== 'none' && reduction !== 'add') throw asked.refuse(`reduction ${reduction}`);
    const axis = opType === 'ScatterElements' ? { axis: intOf(node, 'axis', 0) } : {};
    const cleared = (): string =>
      reduction === 'add'
        ? dY
        : write.op(opType, [dY, asked.input(1), write.zerosLike(asked.input(2))], axis);
    return [
      asked.wants(0) ? cleared() : undefined,
      undefined,
      asked.wants(2) ? write.op(back, [dY, asked.input(1)], axis) : undefined,
    ];
  };

export const indexing: GradientRules = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  TopK: topK,
  ScatterND: scatter('ScatterND', 'GatherND'),
  ScatterElements: scatter('ScatterElements', 'GatherElements'),
};
