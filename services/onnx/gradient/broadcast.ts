// What broadcasting spread in the forward pass is summed in the backward pass. Every rule with several operands uses it.
import { clip, refusal } from '../refusal.js';
import type { Dim } from '../value-info.js';
import type { Asked } from './rule.js';
import type { Writer } from './writer.js';

/** The gradient of the i-th input from one in the shape of the output. */
export function sumToInput(asked: Asked, gradient: string, i: number): string {
  const { write } = asked;
  return sumTo(write, gradient, write.shape(asked.output()), asked.input(i));
}

/** Sums `gradient`, of shape `from`, to the shape of `target`. */
export function sumTo(write: Writer, gradient: string, from: readonly Dim[], target: string): string {
  const to = write.shape(target);
  const lead = from.length - to.length;
  const spread = to.flatMap((dim, i) => (isSpread(from[i + lead] ?? 1, dim, target) ? [i + lead] : []));
  const kept = spread.length === 0 ? gradient : write.reduce('Sum', gradient, spread);
  if (lead === 0) return kept;
  return write.reduce(
    'Sum',
    kept,
    Array.from({ length: lead }, (_, i) => i),
    false,
  );
}

function isSpread(from: Dim, to: Dim, target: string): boolean {
  if (from === to) return false;
  if (to === 1) return true;
  if (typeof to === 'number') return false;
  throw refusal(
    `Whether "${clip(target)}" is broadcast depends on sizes that vary (${to} against ${from}): bind them.`,
    { tensor: target },
  );
}
