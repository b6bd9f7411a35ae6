// A gaussian by its mean and the factor that makes its cloud round: distances in it are Mahalanobis distances. class-distances.ts
// keeps one for the classes together and one for everything.

export interface Whitening {
  readonly width: number;
  /** Lower triangular, row by row, [width, width]: the Cholesky factor of the covariance. */
  readonly factor: Float32Array;
}

/** Added to the diagonal, as a share of the mean variance: features that never move would otherwise make every distance infinite. */
const RIDGE = 1e-3;

/** Of rows that have mean 0 already. Throws where there is none. */
export function whiteningOf(centred: readonly Float32Array[]): Whitening {
  const width = centred[0]?.length ?? 0;
  const covariance = new Float64Array(width * width);
  for (const row of centred)
    for (let i = 0; i < width; i++) {
      const a = row[i] as number;
      if (a === 0) continue;
      for (let j = 0; j <= i; j++)
        covariance[i * width + j] = at(covariance, i * width + j) + a * (row[j] as number);
    }
  let trace = 0;
  for (let i = 0; i < covariance.length; i++) covariance[i] = at(covariance, i) / Math.max(1, centred.length);
  for (let i = 0; i < width; i++) trace += at(covariance, i * width + i);
  const ridge = Math.max(1e-12, (RIDGE * trace) / Math.max(1, width));
  for (let i = 0; i < width; i++) covariance[i * width + i] = at(covariance, i * width + i) + ridge;
  return { width, factor: Float32Array.from(choleskyOf(covariance, width)) };
}

/** (f - m)' S^-1 (f - m) by forward substitution: width^2 / 2 multiplications. */
export function squaredDistance(
  { width, factor }: Whitening,
  f: ArrayLike<number>,
  mean: ArrayLike<number>,
): number {
  const y = new Float64Array(width);
  let sum = 0;
  for (let i = 0; i < width; i++) {
    let rest = (f[i] as number) - (mean[i] as number);
    const row = i * width;
    for (let j = 0; j < i; j++) rest -= (factor[row + j] as number) * (y[j] as number);
    const value = rest / (factor[row + i] as number);
    y[i] = value;
    sum += value * value;
  }
  return sum;
}

/** A point in the coordinates where the cloud is round, so that distances to many means cost width each. */
export function whitened({ width, factor }: Whitening, f: ArrayLike<number>): Float64Array {
  const y = new Float64Array(width);
  for (let i = 0; i < width; i++) {
    let rest = f[i] as number;
    for (let j = 0; j < i; j++) rest -= (factor[i * width + j] as number) * (y[j] as number);
    y[i] = rest / (factor[i * width + i] as number);
  }
  return y;
}

/** Golub and Van Loan, Matrix Computations, 4.2.5; positive diagonals are what the ridge is for. */
function choleskyOf(matrix: Float64Array, width: number): Float64Array {
  const factor = new Float64Array(width * width);
  for (let i = 0; i < width; i++)
    for (let j = 0; j <= i; j++) {
      let rest = at(matrix, i * width + j);
      for (let k = 0; k < j; k++) rest -= at(factor, i * width + k) * at(factor, j * width + k);
      factor[i * width + j] = i === j ? Math.sqrt(Math.max(rest, 1e-12)) : rest / at(factor, j * width + j);
    }
  return factor;
}

const at = (values: Float64Array, i: number): number => values[i] as number;
