// Backward rules of operators that only move elements: each is undone by its opposite.
import { intOf, intsOf, stringOf } from '../attributes.js';
import { sumToInput } from './broadcast.js';
import type { Asked, GradientRule, GradientRules } from './rule.js';

const reshaped: GradientRule = (asked) => [asked.write.reshapeLike(asked.dY, asked.input(0))];

const transpose: GradientRule = (asked) => {
  const rank = asked.write.rank(asked.input(0));
  const perm = intsOf(asked.node, 'perm') ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
  const inverse = perm.map((_, i) => perm.indexOf(i));
  return [asked.write.op('Transpose', [asked.dY], { perm: inverse })];
};

const concat: GradientRule = (asked) => {
  const { write, dY } = asked;
  const axis = intOf(asked.node, 'axis', 0);
  const shape = (name: string) => write.shape(name).at(axis);
  const sizes = asked.inputs.map((name) => shape(name));
  if (sizes.every((size) => typeof size === 'number'))
    return write.graph.add('Split', [dY, write.ints(sizes)], { axis }, asked.inputs.length).output;
  const lengths = asked.inputs.map((name) => {
    const at = axis < 0 ? axis + write.rank(name) : axis;
    return write.op('Shape', [name], { start: at, end: at + 1 });
  });
  const split = write.op('Concat', lengths, { axis: 0 });
  return write.graph.add('Split', [dY, split], { axis }, asked.inputs.length).output;
};

/** Parts that nothing depends on count zero. */
const split: GradientRule = (asked) => {
  const { write } = asked;
  const axis = intOf(asked.node, 'axis', 0);
  const parts = asked.node.output.map((name, i) => asked.upstream(i) ?? write.zerosLike(name));
  return [parts.length === 1 ? parts[0] : write.op('Concat', parts, { axis })];
};

interface Cut {
  readonly axis: number;
  readonly start: number;
  readonly step: number;
  readonly count: number;
  readonly size: number;
}

/** The elements that a Slice takes, axis by axis, as the ONNX text says: clamped, negative from the end. */
function cutsOf(asked: Asked): Cut[] {
  const { write } = asked;
  const [starts, ends] = [write.numbers(asked.node.input[1]), write.numbers(asked.node.input[2])];
  if (starts === undefined || ends === undefined) throw asked.refuse('bounds that are computed');
  const axes = write.numbers(asked.node.input[3]) ?? starts.map((_, i) => i);
  const steps = write.numbers(asked.node.input[4]) ?? starts.map(() => 1);
  const rank = write.rank(asked.input(0));
  return axes.map((given, i) => {
    const axis = given < 0 ? given + rank : given;
    const size = write.size(asked.input(0), axis);
    const step = steps[i] ?? 1;
    const clamp = (at: number | undefined, low: number, high: number): number => {
      const from = (at ?? 0) < 0 ? (at ?? 0) + size : (at ?? 0);
      return Math.min(high, Math.max(low, from));
    };
    const start = step > 0 ? clamp(starts[i], 0, size) : clamp(starts[i], 0, size - 1);
    const end = step > 0 ? clamp(ends[i], 0, size) : clamp(ends[i], -1, size - 1);
    return { axis, start, step, size, count: Math.max(0, Math.ceil((end - start) / step)) };
  });
}

/** Zeros around; where elements were skipped or turned, they are put back one by one. */
const slice: GradientRule = (asked) => {
  const { write } = asked;
  const cuts = cutsOf(asked);
  const rank = write.rank(asked.input(0));
  let gradient = asked.dY;
  const shape: (number | string)[] = [...write.shape(asked.output())];
  for (const { axis, start, step, count, size } of cuts) {
    if (step === 1) continue;
    shape[axis] = size;
    if (shape.some((dim) => typeof dim === 'string')) throw asked.refuse('a step and sizes that vary');
    const zeros = write.op('Expand', [write.float(0, asked.input(0)), write.ints(shape as number[])]);
    const at = write.ints(Array.from({ length: count }, (_, i) => start + i * step));
    const column = write.op('Reshape', [at, write.ints(shape.map((_, i) => (i === axis ? -1 : 1)))]);
    const indices = write.op('Expand', [column, write.op('Shape', [gradient])]);
    gradient = write.op('ScatterElements', [zeros, indices, gradient], { axis, reduction: 'add' });
  }
  const pads = Array.from({ length: 2 * rank }, () => 0);
  for (const { axis, start, step, count, size } of cuts) {
    if (step !== 1) continue;
    pads[axis] = start;
    pads[axis + rank] = size - start - count;
  }
  return [pads.every((pad) => pad === 0) ? gradient : write.op('Pad', [gradient, write.ints(pads)])];
};

/** Negative pads cut off; that they may is what makes this its own opposite. */
const pad: GradientRule = (asked) => {
  const { write } = asked;
  if (stringOf(asked.node, 'mode', 'constant') !== 'constant')
    throw asked.refuse('a mode other than constant');
  const pads = write.numbers(asked.node.input[1]);
  if (pads === undefined) throw asked.refuse('pads that are computed');
  const axes = asked.has(3) ? [asked.input(3)] : [];
  const opposite = write.ints(pads.map((one) => (one === 0 ? 0 : -one)));
  return [write.op('Pad', [asked.dY, opposite, ...(axes.length > 0 ? ['', ...axes] : [])])];
};

/** Every size is folded into (repeats, size) and the repeats are summed. */
const tile: GradientRule = (asked) => {
  const { write } = asked;
  const repeats = write.numbers(asked.node.input[1]);
  if (repeats === undefined) throw asked.refuse('repeats that are computed');
  const shape = write.shape(asked.input(0));
  const folded = shape.flatMap((dim, i) => [repeats[i] ?? 1, typeof dim === 'number' ? dim : -1]);
  if (folded.filter((size) => size === -1).length > 1) throw asked.refuse('several sizes that vary');
  const parts = write.op('Reshape', [asked.dY, write.ints(folded)]);
  return [
    write.reduce(
      'Sum',
      parts,
      shape.map((_, i) => 2 * i),
      false,
    ),
  ];
};

const depthToSpace: GradientRule = (asked) => {
  if (stringOf(asked.node, 'mode', 'DCR') !== 'DCR') throw asked.refuse('mode CRD');
  return [asked.write.op('SpaceToDepth', [asked.dY], { blocksize: intOf(asked.node, 'blocksize', 1) })];
};

export const layout: GradientRules = {
  Reshape: reshaped,
  Flatten: reshaped,
  Squeeze: reshaped,
  Unsqueeze: reshaped,
  Transpose: transpose,
  Concat: concat,
  Split: split,
  Slice: slice,
  Pad: pad,
  Expand: (asked) => [sumToInput(asked, asked.dY, 0)],
  Tile: tile,
  DepthToSpace: depthToSpace,
  SpaceToDepth: (asked) => [
    asked.write.op('DepthToSpace', [asked.dY], { blocksize: intOf(asked.node, 'blocksize', 1) }),
  ],
  Trilu: (asked) => [
    asked.write.op('Trilu', [asked.dY, ...asked.inputs.slice(1)], { upper: intOf(asked.node, 'upper', 1) }),
  ],
  CumSum: (asked) => [
    asked.write.op('CumSum', [asked.dY, asked.input(1)], {
      reverse: 1 - intOf(asked.node, 'reverse', 0),
      exclusive: intOf(asked.node, 'exclusive', 0),
    }),
  ],
};
