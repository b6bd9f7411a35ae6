// A batch in parts of at most so many rows, and the parts as one again: whoever sends batches through something narrower asks.
import type { Tensors } from './session.js';
import type { Tensor } from './tensor.js';

/** Axis 0 counts the rows of every tensor. */
export function rowsOf(batch: Tensors, most: number): Tensors[] {
  const rows = Object.values(batch)[0]?.dims[0] ?? 0;
  return Array.from({ length: Math.ceil(rows / most) }, (_, i) =>
    Object.fromEntries(
      Object.entries(batch).map(([name, tensor]) => [
        name,
        part(tensor, i * most, Math.min(rows, (i + 1) * most)),
      ]),
    ),
  );
}

export function joined(parts: readonly Tensors[]): Tensors {
  return Object.fromEntries(
    Object.entries(parts[0] ?? {}).map(([name, first]): [string, Tensor] => {
      const all = parts.flatMap((one) => (one[name] === undefined ? [] : [one[name]]));
      const rows = all.reduce((sum, { dims }) => sum + (dims[0] ?? 0), 0);
      return [
        name,
        { ...first, dims: first.dims.with(0, rows), data: concatenated(all.map(({ data }) => data)) },
      ];
    }),
  );
}

function part(tensor: Tensor, from: number, to: number): Tensor {
  const width = tensor.data.length / (tensor.dims[0] ?? 1);
  return {
    ...tensor,
    dims: tensor.dims.with(0, to - from),
    data: tensor.data.slice(from * width, to * width),
  };
}

function concatenated(parts: readonly Tensor['data'][]): Tensor['data'] {
  const [first] = parts;
  if (first === undefined || parts.length === 1) return first ?? [];
  if (Array.isArray(first)) return parts.flatMap((one) => one as string[]);
  const whole = new (first.constructor as Float32ArrayConstructor)(
    parts.reduce((sum, one) => sum + one.length, 0),
  );
  let at = 0;
  for (const one of parts) {
    whole.set(one as Float32Array, at);
    at += one.length;
  }
  return whole;
}
