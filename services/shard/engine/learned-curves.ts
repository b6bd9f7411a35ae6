// The latency curves of one replica, one a shape: a line of text twice as wide takes twice as long. A shape that is new begins with
// the curve of the one before, scaled by its size. Bounded: the shape that was not seen for longest is forgotten.
import { LatencyCurve, type LatencyPoint } from './latency-curve.js';

const SHAPES_MAX = 16;

interface Learned {
  readonly curve: LatencyCurve;
  readonly rowItems: number;
}

export class LearnedCurves {
  private readonly shapes = new Map<string, Learned>();
  private lastKey: string | undefined;
  private last: Learned;

  /** `rowItems`: numbers a row of the warm-up had, over all inputs. */
  constructor(points: readonly LatencyPoint[], rowItems: number) {
    this.last = { curve: new LatencyCurve(points), rowItems };
  }

  get latest(): LatencyCurve {
    return this.last.curve;
  }

  of(key: string, rowItems: number): LatencyCurve {
    if (key === this.lastKey) return this.last.curve;
    const known = this.shapes.get(key);
    const scale = rowItems / Math.max(this.last.rowItems, 1);
    const learned = known ?? { curve: this.last.curve.scaled(scale), rowItems };
    this.shapes.delete(key);
    this.shapes.set(key, learned); // the order of insertion is the order of use
    const [oldest] = this.shapes.keys();
    if (this.shapes.size > SHAPES_MAX && oldest !== undefined) this.shapes.delete(oldest);
    this.lastKey = key;
    this.last = learned;
    return learned.curve;
  }
}
