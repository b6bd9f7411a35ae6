// Figures of a model that tells a number, on examples it did not learn: R2, mean absolute and root mean square error, and some points
// to look at. Adds up batch by batch. The training loop and the report ask.
import type { NumberValidation, Quality } from '../../../contracts/train-report.js';
import type { Training } from '../../../contracts/train-job.js';
import type { ExampleTarget } from './example-file.js';
import type { NumberTarget } from './prepared.js';

export type NumberLoss = Training['loss'];

const POINTS_MAX = 400;

export class MeasuredNumbers {
  private examples = 0;
  private lossSum = 0;
  private absoluteSum = 0;
  private squareSum = 0;
  private largest = 0;
  private mean = 0;
  private spread = 0;
  private readonly points: { given: number; said: number }[] = [];
  private readonly every: number;

  constructor(
    private readonly target: NumberTarget,
    private readonly kind: NumberLoss,
    expected: number,
  ) {
    this.every = Math.max(1, Math.ceil(expected / POINTS_MAX));
  }

  /** One value for each target, both in the target's own unit. */
  add(values: Float32Array, targets: ExampleTarget): void {
    targets.forEach((given, i) => {
      const said = values[i] ?? Number.NaN;
      const error = Math.abs(said - given);
      if (this.examples % this.every === 0) this.points.push({ given, said });
      this.examples++;
      this.lossSum += lossOf(this.kind, error / this.target.deviation);
      this.absoluteSum += error;
      this.squareSum += error ** 2;
      this.largest = Math.max(this.largest, error);
      // Welford's recurrence: a sum of squares less the square of a sum would lose what distant means leave.
      const delta = given - this.mean;
      this.mean += delta / this.examples;
      this.spread += delta * (given - this.mean);
    });
  }

  get loss(): number {
    return this.lossSum / Math.max(1, this.examples);
  }

  get quality(): Quality {
    return this.spread === 0 ? {} : { r2: 1 - this.squareSum / this.spread };
  }

  summary(): NumberValidation {
    const { examples, loss, quality, absoluteSum, squareSum, largest, points } = this;
    const count = Math.max(1, examples);
    return {
      task: 'regression',
      examples,
      loss,
      ...(quality.r2 === undefined ? {} : { r2: quality.r2 }),
      meanAbsoluteError: absoluteSum / count,
      rootMeanSquareError: Math.sqrt(squareSum / count),
      largestError: largest,
      points: [...points],
    };
  }
}

/** Of an error in deviations: as services/onnx/training/loss.ts has them. */
const lossOf = (kind: NumberLoss, error: number): number =>
  kind === 'squares' || error <= 1 ? error ** 2 / (kind === 'squares' ? 1 : 2) : error - 0.5;
