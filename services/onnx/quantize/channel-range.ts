// The least and the greatest value of each channel of a tensor, over all samples: two numbers a channel. Always with 0, which padding puts
// everywhere.
import { elementCount } from '../tensor.js';

export class ChannelRange {
  private constructor(
    readonly lowest: Float32Array,
    readonly highest: Float32Array,
  ) {}

  static of(channels: number): ChannelRange {
    return new ChannelRange(new Float32Array(channels), new Float32Array(channels));
  }

  add(values: Float32Array, dims: readonly number[], axis: number): void {
    const inner = elementCount(dims.slice(axis + 1));
    for (let from = 0, c = 0; from < values.length; from += inner, c = (c + 1) % this.lowest.length) {
      let [least, most] = [this.lowest[c] ?? 0, this.highest[c] ?? 0];
      for (let i = from; i < from + inner; i++) {
        const value = values[i] ?? 0;
        if (value < least) least = value;
        if (value > most) most = value;
      }
      this.lowest[c] = least;
      this.highest[c] = most;
    }
  }
}
