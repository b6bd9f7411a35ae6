// A matrix with rows and columns exchanged, in the type that it has. Kernels ask for weights one way or the other.
import type { Tensor } from '../tensor.js';

export function transposed(matrix: Tensor): Tensor {
  const [rows = 1, columns = 1] = matrix.dims;
  const from = matrix.data as Float32Array | Int8Array;
  const data = from.slice();
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) data[j * rows + i] = from[i * columns + j] ?? 0;
  return { dataType: matrix.dataType, dims: [columns, rows], data };
}
