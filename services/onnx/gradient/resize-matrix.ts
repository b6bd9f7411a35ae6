// Which input elements each output element of a Resize takes along one axis, as a matrix [to, from]. Formulas of the ONNX
// operator text, Resize-19.

export interface Axis {
  readonly from: number;
  readonly to: number;
  readonly scale: number;
  readonly mode: string;
  readonly transformation: string;
  readonly nearest: string;
}

export function resizeMatrix(axis: Axis): Float32Array {
  const { from, to, mode } = axis;
  const matrix = new Float32Array(from * to);
  const put = (row: number, column: number, weight: number): void => {
    const inside = Math.min(from - 1, Math.max(0, column));
    matrix[row * from + inside] = (matrix[row * from + inside] ?? 0) + weight;
  };
  for (let row = 0; row < to; row++) {
    const where = coordinate(axis, row);
    if (mode === 'nearest') {
      put(row, nearestOf(axis.nearest, where), 1);
      continue;
    }
    // Beyond the ends the end is taken, so there is nothing to interpolate.
    const held = Math.min(from - 1, Math.max(0, where));
    const low = Math.floor(held);
    put(row, low, 1 - (held - low));
    put(row, low + 1, held - low);
  }
  return matrix;
}

function coordinate({ transformation, scale, from, to }: Axis, x: number): number {
  switch (transformation) {
    case 'asymmetric':
      return x / scale;
    case 'align_corners':
      return to === 1 ? 0 : (x * (from - 1)) / (to - 1);
    case 'pytorch_half_pixel':
      return to > 1 ? (x + 0.5) / scale - 0.5 : 0;
    case 'half_pixel_symmetric': {
      const adjustment = to / (scale * from);
      return (from / 2) * (1 - adjustment) + (x + 0.5) / scale - 0.5;
    }
    case 'half_pixel':
    default:
      return (x + 0.5) / scale - 0.5;
  }
}

function nearestOf(mode: string, where: number): number {
  if (mode === 'floor') return Math.floor(where);
  if (mode === 'ceil') return Math.ceil(where);
  return mode === 'round_prefer_ceil' ? Math.floor(where + 0.5) : Math.ceil(where - 0.5);
}
