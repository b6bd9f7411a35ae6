// Where the rows of a request lie: the axis of each tensor along which requests are put together and taken apart again. Most
// models have their batch first; recurrent ones carry states as [layers, batch, width] and share a scalar or two. warm-up.ts
// proposes axes and proves them with real runs; nothing else decides what may share a run.
import assert from 'node:assert';
import { lengthOf } from '../../../contracts/blob-tensor.js';
import type { Tensor } from '../../../contracts/tensor.js';
import type { TensorSpec } from '../../../contracts/tensor-spec.js';

export interface RowAxes {
  /** One an input, in the model's order; SHARED for inputs without rows, whose values must be equal to share a run. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

export const SHARED = -1;

/** A shared input is compared by value with each request; larger ones than this are not worth it. */
const SHARED_ITEMS_MAX = 16;

/**
 * The axes that the declaration allows: the first where it is variable, else the only variable one. At least one input must have
 * its rows first: a lone variable axis further back is a length more often than a batch.
 */
export function proposeInputAxes(inputs: readonly TensorSpec[]): number[] | undefined {
  if (!inputs.some(({ shape }) => shape[0] === -1)) return undefined;
  const axes: number[] = [];
  for (const { shape } of inputs) {
    const axis = shape.indexOf(-1);
    if (axis > 0 && shape.includes(-1, axis + 1)) return undefined;
    axes.push(axis);
  }
  return axes;
}

/** By the shapes of a run of one row and of one of `total`: the one axis that grew; undefined when an output has none. */
export function findOutputAxes(
  single: readonly Tensor[],
  joint: readonly Tensor[],
  total: number,
): number[] | undefined {
  const axes: number[] = [];
  for (const [i, { shape }] of joint.entries()) {
    const one = single[i]?.shape;
    if (one === undefined || one.length !== shape.length) return undefined;
    const grown = shape.flatMap((size, axis) => (size === one[axis] ? [] : [axis]));
    const [axis = -1] = grown;
    if (grown.length !== 1 || one[axis] !== 1 || shape[axis] !== total) return undefined;
    axes.push(axis);
  }
  return axes;
}

/** How many rows a request brings; 0 when its inputs do not agree, and then it runs alone. */
export function rowsOf(inputs: readonly Tensor[], axes: readonly number[]): number {
  let rows = 0;
  for (let i = 0; i < inputs.length; i++) {
    const input = inputs[i] as Tensor;
    const axis = axes[i] ?? SHARED;
    if (axis === SHARED) {
      if (lengthOf(input) > SHARED_ITEMS_MAX) return 0;
      continue;
    }
    const own = input.shape[axis] ?? 0;
    if (rows !== 0 && own !== rows) return 0;
    rows = own;
  }
  return rows;
}

/** Equal for requests that may share a run: all dimensions but the rows' are the same, and so are shared values. Without axes: the shape. */
export function shareKey(inputs: readonly Tensor[], axes: readonly number[]): string {
  let key = '';
  for (let i = 0; i < inputs.length; i++) {
    const input = inputs[i] as Tensor;
    const { shape } = input;
    const rowAxis = axes[i];
    if (rowAxis === SHARED && lengthOf(input) <= SHARED_ITEMS_MAX) key += `=${input.data.join(',')}`;
    for (let axis = 0; axis < shape.length; axis++) if (axis !== rowAxis) key += `${shape[axis]},`;
    key += ';';
  }
  return key;
}

/** Whether every output carries `total` rows where it should. */
export const carriesRows = (outputs: readonly Tensor[], axes: readonly number[], total: number): boolean =>
  outputs.every(({ shape }, i) => shape[axes[i] ?? SHARED] === total);

/** The inputs in the order in which the model declares them. */
export function inOrder(inputs: Tensor[], specs: readonly TensorSpec[]): Tensor[] {
  if (specs.every(({ name }, i) => inputs[i]?.name === name)) return inputs;
  return specs.map(({ name }) => {
    const tensor = inputs.find((candidate) => candidate.name === name);
    assert(tensor, 'inputs were checked against the signature before');
    return tensor;
  });
}
