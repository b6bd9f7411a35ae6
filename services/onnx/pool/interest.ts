// Where on a feature map something happens: rows and columns at the rim whose values hardly differ between examples say nothing about
// them. Digits stand in the middle of their picture, so the rim can go before a single multiplication is made.
import type { Graph } from '../graph.js';
import { eachSample, type Samples } from '../quantize/calibrate.js';
import { floatValues } from '../tensor.js';
import { WHOLE, type Box } from './view.js';

/** Of the variance of the whole map, on each of the four sides. */
const RIM_SHARE = 0.0025;

/** For each value the box outside of which its variance over the samples is next to nothing; sides are even where they shrink. */
export async function interests(
  graph: Graph,
  values: readonly string[],
  samples: Samples,
): Promise<Map<string, Box>> {
  const moments = new Map<string, Moments>();
  await eachSample(graph, values, samples, (name, { dims, data, dataType }) => {
    const [rows = 1, channels = 1, height = 1, width = 1] = dims;
    const own = moments.get(name) ?? new Moments(channels, height, width);
    moments.set(name, own);
    own.add(floatValues({ dims, data, dataType }), rows);
  });
  return new Map(values.map((name) => [name, moments.get(name)?.box() ?? WHOLE]));
}

class Moments {
  private readonly sums: Float64Array;
  private readonly squares: Float64Array;
  private count = 0;

  constructor(
    private readonly channels: number,
    private readonly height: number,
    private readonly width: number,
  ) {
    this.sums = new Float64Array(channels * height * width);
    this.squares = new Float64Array(channels * height * width);
  }

  add(values: Float32Array, rows: number): void {
    const size = this.sums.length;
    for (let i = 0; i < rows * size; i++) {
      const [at, value] = [i % size, values[i] ?? 0];
      this.sums[at] = (this.sums[at] ?? 0) + value;
      this.squares[at] = (this.squares[at] ?? 0) + value * value;
    }
    this.count += rows;
  }

  box(): Box {
    const { channels, height, width, count } = this;
    const byRow = new Float64Array(height);
    const byColumn = new Float64Array(width);
    this.sums.forEach((sum, i) => {
      const variance = Math.max(0, (this.squares[i] ?? 0) / count - (sum / count) ** 2);
      const place = i % (this.sums.length / channels);
      const [y, x] = [Math.floor(place / width), place % width];
      byRow[y] = (byRow[y] ?? 0) + variance;
      byColumn[x] = (byColumn[x] ?? 0) + variance;
    });
    const [top, bottom] = middle(byRow);
    const [left, right] = middle(byColumn);
    return { top: top / height, bottom: bottom / height, left: left / width, right: right / width };
  }
}

/** First and last place to keep, the number of places even where it is less than all. Pure. */
export function middle(variances: ArrayLike<number>): [number, number] {
  const size = variances.length;
  const least = Array.from(variances).reduce((a, b) => a + b, 0) * RIM_SHARE;
  let [begin, end] = [0, size];
  for (let cut = variances[0] ?? 0; cut <= least && begin < size / 2; cut += variances[begin] ?? 0) begin++;
  for (let cut = variances[size - 1] ?? 0; cut <= least && end > size / 2; cut += variances[end - 1] ?? 0)
    end--;
  if (begin === 0 && end === size) return [0, size];
  if ((end - begin) % 2 === 1) {
    if (begin > 0) begin--;
    else if (end < size) end++;
  }
  return end - begin < 2 ? [0, size] : [begin, end];
}
