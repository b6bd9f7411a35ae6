// Whether the rows of a model's inputs are worked on apart from each other: a run of several against runs of each. `massif split` asks before
// it lets rows go through the stages in micro-batches.
import { openSession, type Tensors } from './session.js';
import type { Tensor } from './tensor.js';

/** Sums of a joint run may round otherwise than single ones. */
const TOLERANCE = 1e-4;

/** `feeds` have `rows` rows each, their first dimension. False also where the model does not run on them, or its outputs have other rows. */
export async function rowsAreApart(model: Uint8Array, feeds: Tensors, rows: number): Promise<boolean> {
  await using session = await openSession(model);
  try {
    const joint = await session.run(feeds);
    for (let row = 0; row < rows; row++) {
      const own = Object.entries(feeds).map(([name, tensor]) => [name, rowOf(tensor, row, rows)] as const);
      const single = await session.run(Object.fromEntries(own));
      for (const [name, output] of Object.entries(joint)) {
        const alone = single[name];
        if (output.dims[0] !== rows || alone?.dims[0] !== 1) return false;
        if (!areAlike(rowOf(output, row, rows), alone)) return false;
      }
    }
    return true;
  } catch {
    return false;
  }
}

function rowOf({ dims, data, ...rest }: Tensor, row: number, rows: number): Tensor {
  const length = data.length / rows;
  return {
    ...rest,
    dims: [1, ...dims.slice(1)],
    data: data.slice(row * length, (row + 1) * length),
  } as Tensor;
}

function areAlike({ data: a }: Tensor, { data: b }: Tensor): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [Number(a[i]), Number(b[i])];
    if (!(Math.abs(x - y) <= TOLERANCE * Math.max(1, Math.abs(x)))) return false;
  }
  return true;
}
