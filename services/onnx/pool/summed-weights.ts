// The weights that read a flattened map, for a smaller map: each new place gets the sum of the weights of the old places that it covers; those
// of places that were cut off go.
import { float32, floatValues, type Tensor } from '../tensor.js';
import { columns, newPlace, rows, type View } from './view.js';

interface Row extends View {
  readonly before: { readonly channels: number; readonly height: number; readonly width: number };
}

/** `axis`: the one of the two that counts channels x height x width. */
export function summed(tensor: Tensor, axis: number, { height, width, box, before }: Row): Tensor {
  const places = before.height * before.width;
  const target = Array.from({ length: places }, (_, place) => {
    const y = newPlace(Math.floor(place / before.width), before.height, height, rows(box));
    const x = newPlace(place % before.width, before.width, width, columns(box));
    return y === undefined || x === undefined ? -1 : y * width + x;
  });
  const other = tensor.dims[1 - axis] ?? 1;
  const [length, shorter] = [before.channels * places, before.channels * height * width];
  const values = floatValues(tensor);
  const sums = new Float32Array(shorter * other);
  const at = (i: number, j: number, size: number): number => (axis === 0 ? i * other + j : j * size + i);
  for (let i = 0; i < length; i++) {
    const place = target[i % places] ?? -1;
    if (place < 0) continue;
    const to = Math.floor(i / places) * height * width + place;
    for (let j = 0; j < other; j++)
      sums[at(to, j, shorter)] = (sums[at(to, j, shorter)] ?? 0) + (values[at(i, j, length)] ?? 0);
  }
  return float32(axis === 0 ? [shorter, other] : [other, shorter], sums);
}
