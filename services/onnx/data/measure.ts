// Figures of a model that tells classes on examples it did not learn: loss, accuracy, precision and recall by class, confusion, calibration. Adds up
// batch by batch; nothing is kept of the examples. The training loop and the report ask.
import type { ClassValidation, Quality } from '../../../contracts/train-report.js';
import type { ExampleTarget } from './example-file.js';

const BINS = 10;
/** A larger table is unreadable, and grows with its square. */
const CONFUSION_CLASSES_MAX = 64;
const LEAST_PROBABILITY = 1e-12;

export class Measured {
  private examples = 0;
  private right = 0;
  private lossSum = 0;
  private readonly given: number[];
  private readonly said: number[];
  private readonly hits: number[];
  private readonly confusion: number[][] | undefined;
  private readonly bins = Array.from({ length: BINS }, () => ({ confidence: 0, right: 0, examples: 0 }));

  constructor(private readonly classes: readonly string[]) {
    const zeros = (): number[] => classes.map(() => 0);
    [this.given, this.said, this.hits] = [zeros(), zeros(), zeros()];
    if (classes.length <= CONFUSION_CLASSES_MAX) this.confusion = classes.map(zeros);
  }

  /** `probabilities` holds one row of all classes for each target. */
  add(probabilities: Float32Array, targets: ExampleTarget): void {
    const width = probabilities.length / targets.length;
    targets.forEach((target, i) => {
      const row = probabilities.subarray(i * width, (i + 1) * width);
      let best = 0;
      for (let c = 1; c < width; c++) if ((row[c] ?? 0) > (row[best] ?? 0)) best = c;
      const confidence = row[best] ?? 0;
      this.examples++;
      this.lossSum -= Math.log(Math.max(row[target] ?? 0, LEAST_PROBABILITY));
      this.given[target] = (this.given[target] ?? 0) + 1;
      this.said[best] = (this.said[best] ?? 0) + 1;
      const line = this.confusion?.[target];
      if (line !== undefined) line[best] = (line[best] ?? 0) + 1;
      const bin = this.bins[Math.min(BINS - 1, Math.floor(confidence * BINS))];
      if (bin !== undefined) {
        bin.examples++;
        bin.confidence += confidence;
        if (best === target) bin.right++;
      }
      if (best !== target) return;
      this.right++;
      this.hits[target] = (this.hits[target] ?? 0) + 1;
    });
  }

  get loss(): number {
    return this.lossSum / Math.max(1, this.examples);
  }

  get accuracy(): number {
    return this.right / Math.max(1, this.examples);
  }

  get quality(): Quality {
    return { accuracy: this.accuracy };
  }

  summary(): ClassValidation {
    const { examples, loss, accuracy, given, said, hits, confusion } = this;
    const share = (of: number, all: number) => (all === 0 ? undefined : of / all);
    return {
      task: 'classification',
      examples,
      loss,
      accuracy,
      classes: this.classes.map((name, i) => {
        const precision = share(hits[i] ?? 0, said[i] ?? 0);
        const recall = share(hits[i] ?? 0, given[i] ?? 0);
        return {
          name,
          ...(precision === undefined ? {} : { precision }),
          ...(recall === undefined ? {} : { recall }),
          examples: given[i] ?? 0,
        };
      }),
      ...(confusion === undefined ? {} : { confusion }),
      calibrationError: this.calibrationError(),
      bins: this.bins.map((bin) => ({
        confidence: bin.confidence / Math.max(1, bin.examples),
        accuracy: bin.right / Math.max(1, bin.examples),
        examples: bin.examples,
      })),
    };
  }

  /** Expected calibration error: |accuracy - confidence| by bin, weighted by its examples (Naeini et al., 2015; Guo et al., 2017). */
  private calibrationError(): number {
    const apart = this.bins.map(({ confidence, right }) => Math.abs(right - confidence));
    return apart.reduce((sum, one) => sum + one, 0) / Math.max(1, this.examples);
  }
}
