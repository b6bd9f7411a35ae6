// Runs a model once and compares answers: how tests prove that a rewrite changed nothing, or how little.
import { openSession, type SessionOptions, type Tensors } from '../session.js';
import type { Tensor } from '../tensor.js';

/** Without optimisation by default, where equal graphs answer equally to the last bit. */
export async function outputsOf(
  bytes: Uint8Array,
  feeds: Tensors,
  options: SessionOptions = { optimisation: 'disabled' },
): Promise<Record<string, Tensor>> {
  await using session = await openSession(bytes, options);
  return await session.run(feeds);
}

/** 0 means equal to the last bit; Infinity that names, types, shapes or NaNs differ. */
export function largestDifference(a: Tensors, b: Tensors): number {
  if (Object.keys(a).sort().join() !== Object.keys(b).sort().join()) return Infinity;
  return Math.max(0, ...Object.entries(a).map(([name, tensor]) => difference(tensor, b[name])));
}

function difference(a: Tensor, b: Tensor | undefined): number {
  if (b === undefined || a.dataType !== b.dataType || a.dims.join() !== b.dims.join()) return Infinity;
  let largest = 0;
  for (let i = 0; i < a.data.length; i++) {
    if (Object.is(a.data[i], b.data[i])) continue;
    const apart = Math.abs(Number(a.data[i]) - Number(b.data[i]));
    if (Number.isNaN(apart)) return Infinity;
    largest = Math.max(largest, apart);
  }
  return largest;
}
