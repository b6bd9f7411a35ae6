// A picture in another size: each new pixel is the mean of the area it covers, weighted by how much of it, which neither skips
// pixels when it shrinks nor invents edges. From RGBA rows, as PNG gives them, to channels first. image-source.ts asks.
export interface Rgba {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** Transparent pixels count as black on black: colour times opacity. One channel: luma of Rec. 601. */
export function resized(
  { data, width, height }: Rgba,
  channels: 1 | 3,
  toHeight: number,
  toWidth: number,
): Uint8Array {
  const columns = spans(width, toWidth);
  const rows = spans(height, toHeight);
  const out = new Uint8Array(channels * toHeight * toWidth);
  for (let y = 0; y < toHeight; y++) {
    for (let x = 0; x < toWidth; x++) {
      let [red, green, blue, area] = [0, 0, 0, 0];
      for (const [row, high] of rows[y] ?? []) {
        for (const [column, wide] of columns[x] ?? []) {
          const at = 4 * (row * width + column);
          const weight = high * wide;
          const seen = (weight * (data[at + 3] ?? 0)) / 255;
          red += seen * (data[at] ?? 0);
          green += seen * (data[at + 1] ?? 0);
          blue += seen * (data[at + 2] ?? 0);
          area += weight;
        }
      }
      const values = channels === 3 ? [red, green, blue] : [0.299 * red + 0.587 * green + 0.114 * blue];
      values.forEach((value, c) => (out[(c * toHeight + y) * toWidth + x] = Math.round(value / area)));
    }
  }
  return out;
}

/** Which old pixels each new one covers, and how much of each. */
function spans(from: number, to: number): readonly (readonly (readonly [at: number, share: number])[])[] {
  const step = from / to;
  return Array.from({ length: to }, (_, i) => {
    const [start, end] = [i * step, (i + 1) * step];
    const covered: [number, number][] = [];
    for (let at = Math.floor(start); at < Math.min(from, Math.ceil(end - 1e-9)); at++)
      covered.push([at, Math.min(at + 1, end) - Math.max(at, start)]);
    return covered;
  });
}
