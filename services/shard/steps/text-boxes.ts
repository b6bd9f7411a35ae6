// Lines of text out of the map of a DB detector (Liao et al. 2020, as PP-OCR applies it): above the threshold, connected pieces, the
// smallest rectangle around each, its mean score, and grown back by area x unclip / perimeter, since the net learned shrunk text.
import { type Corners, cornersOf, type Point, type Rectangle, smallestRectangle } from './rectangle.js';
import { floats, made, port, type StepFunction } from './step-function.js';

interface Box {
  readonly corners: Corners;
  readonly score: number;
}

/** A map full of specks has more pieces than text: the largest count. */
const PIECES_MAX = 3_000;
/** Lines whose tops are no further apart are read from left to right. */
const SAME_LINE_PIXELS = 10;

export const textBoxes: StepFunction<'text-boxes'> = (ports, parameters) => {
  const { threshold, boxThreshold, unclip, sideMin, linesMax } = parameters;
  const [, , rows = 0, columns = 0] = port(ports, 'map').shape;
  const [height = 0, width = 0] = port(ports, 'image').shape;
  const map = floats(ports, 'map');
  const scale: Point = [width / Math.max(1, columns), height / Math.max(1, rows)];
  const boxes: Box[] = [];
  for (const outline of pieces(map, rows, columns, threshold)) {
    const found = smallestRectangle(outline);
    if (Math.min(found.length, found.breadth) < sideMin) continue;
    const score = meanInside(map, rows, columns, found);
    if (score < boxThreshold) continue;
    const by = (found.length * found.breadth * unclip) / (2 * (found.length + found.breadth));
    boxes.push({ corners: inPicture(cornersOf(found, by), scale, [width, height]), score });
  }
  const kept = boxes
    .toSorted((a, b) => b.score - a.score)
    .slice(0, linesMax)
    .toSorted(readingOrder);
  return {
    boxes: made(
      'FP32',
      [kept.length, 4, 2],
      Float32Array.from(kept.flatMap(({ corners }) => corners.flat())),
    ),
    scores: made(
      'FP32',
      [kept.length],
      Float32Array.from(kept, ({ score }) => score),
    ),
  };
};

/** The outlines of connected pieces: of each row of a piece its first and last pixel, which have the same hull. */
function pieces(map: Float32Array, rows: number, columns: number, threshold: number): Point[][] {
  const seen = new Uint8Array(rows * columns);
  const stack: number[] = [];
  const found: { readonly outline: Point[]; readonly size: number }[] = [];
  for (let start = 0; start < seen.length; start++) {
    if (seen[start] || !((map[start] ?? 0) > threshold)) continue;
    const spans = new Map<number, [number, number]>();
    let size = 0;
    seen[start] = 1;
    stack.push(start);
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      size++;
      const y = Math.floor(at / columns);
      const x = at - y * columns;
      const span = spans.get(y);
      if (!span) spans.set(y, [x, x]);
      else if (x < span[0]) span[0] = x;
      else if (x > span[1]) span[1] = x;
      for (let row = Math.max(0, y - 1); row <= Math.min(rows - 1, y + 1); row++)
        for (let column = Math.max(0, x - 1); column <= Math.min(columns - 1, x + 1); column++) {
          const next = row * columns + column;
          if (seen[next] || !((map[next] ?? 0) > threshold)) continue;
          seen[next] = 1;
          stack.push(next);
        }
    }
    found.push({
      size,
      outline: [...spans].flatMap(([y, [from, to]]): Point[] => [
        [from, y],
        [to, y],
      ]),
    });
  }
  const largest =
    found.length > PIECES_MAX ? found.toSorted((a, b) => b.size - a.size).slice(0, PIECES_MAX) : found;
  return largest.map(({ outline }) => outline);
}

function meanInside(map: Float32Array, rows: number, columns: number, rectangle: Rectangle): number {
  const corners = cornersOf(rectangle, 0);
  const xs = corners.map(([x]) => x);
  const ys = corners.map(([, y]) => y);
  const { centre, along, length, breadth } = rectangle;
  let sum = 0;
  let count = 0;
  for (
    let y = Math.max(0, Math.floor(Math.min(...ys)));
    y <= Math.min(rows - 1, Math.ceil(Math.max(...ys)));
    y++
  )
    for (
      let x = Math.max(0, Math.floor(Math.min(...xs)));
      x <= Math.min(columns - 1, Math.ceil(Math.max(...xs)));
      x++
    ) {
      const [dx, dy] = [x - centre[0], y - centre[1]];
      if (Math.abs(dx * along[0] + dy * along[1]) > length / 2 + 0.5) continue;
      if (Math.abs(dy * along[0] - dx * along[1]) > breadth / 2 + 0.5) continue;
      sum += map[y * columns + x] ?? 0;
      count++;
    }
  return count === 0 ? 0 : sum / count;
}

function inPicture(corners: Corners, [scaleX, scaleY]: Point, [width, height]: Point): Corners {
  const clamp = (value: number, most: number) => Math.min(most, Math.max(0, value));
  return corners.map(([x, y]): Point => [
    clamp(x * scaleX, width),
    clamp(y * scaleY, height),
  ]) as unknown as Corners;
}

function readingOrder(a: Box, b: Box): number {
  const [[ax, ay], [bx, by]] = [a.corners[0], b.corners[0]];
  // Tops in bands: a comparison by distance would not be an order.
  return Math.round(ay / SAME_LINE_PIXELS) - Math.round(by / SAME_LINE_PIXELS) || ax - bx;
}
