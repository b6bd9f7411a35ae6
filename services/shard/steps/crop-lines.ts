// Cuts each box out of a picture, upright and at one height. Lines that stand on end are laid down first.
import { bytes, floats, made, port, room, type StepFunction } from './step-function.js';

type Point = readonly [x: number, y: number];
/** Higher than wide by this much: the text runs downwards. */
const UPRIGHT_RATIO = 1.5;

export const cropLines: StepFunction<'crop-lines'> = (ports, { height, widthMax }) => {
  const { shape } = port(ports, 'image');
  const [imageHeight = 0, imageWidth = 0] = shape;
  const image = { pixels: bytes(ports, 'image'), width: imageWidth, height: imageHeight };
  const corners = floats(ports, 'boxes');
  const quads = Array.from({ length: corners.length / 8 }, (_, i) =>
    laidDown(corners.subarray(i * 8, i * 8 + 8)),
  );
  const widths = quads.map((quad) => widthAt(height, quad, widthMax));
  const widest = Math.max(0, ...widths);
  const lines = new Uint8Array(room(quads.length, height, widest, 3));
  for (const [i, quad] of quads.entries()) {
    const line = lines.subarray(i * height * widest * 3, (i + 1) * height * widest * 3);
    cut(image, quad, { line, height, width: widths[i] as number, stride: widest });
  }
  return {
    lines: made('UINT8', [quads.length, height, widest, 3], lines),
    widths: made('INT32', [quads.length], Int32Array.from(widths)),
  };
};

function laidDown(flat: Float32Array): readonly Point[] {
  const points = [0, 2, 4, 6].map((i): Point => [flat[i] ?? 0, flat[i + 1] ?? 0]);
  const [first, ...rest] = points as [Point, ...Point[]];
  return high(points) >= UPRIGHT_RATIO * wide(points) ? [...rest, first] : points;
}

const distance = ([ax, ay]: Point, [bx, by]: Point): number => Math.hypot(bx - ax, by - ay);
const wide = ([a, b, c, d]: readonly Point[]): number =>
  Math.max(distance(a as Point, b as Point), distance(d as Point, c as Point));
const high = ([a, b, c, d]: readonly Point[]): number =>
  Math.max(distance(a as Point, d as Point), distance(b as Point, c as Point));

function widthAt(height: number, quad: readonly Point[], most: number): number {
  const width = Math.round((height * wide(quad)) / Math.max(1, high(quad)));
  // A corner may be no number at all in what a stranger sends.
  return Number.isFinite(width) ? Math.min(most, Math.max(1, width)) : 1;
}

interface Image {
  readonly pixels: Uint8Array;
  readonly width: number;
  readonly height: number;
}
interface Target {
  readonly line: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly stride: number;
}

function cut({ pixels, width, height }: Image, quad: readonly Point[], target: Target): void {
  const [[ax, ay], [bx, by], [cx, cy], [dx, dy]] = quad as readonly [Point, Point, Point, Point];
  for (let row = 0; row < target.height; row++) {
    const v = (row + 0.5) / target.height;
    for (let column = 0; column < target.width; column++) {
      const u = (column + 0.5) / target.width;
      const x = (1 - v) * (ax + u * (bx - ax)) + v * (dx + u * (cx - dx)) - 0.5;
      const y = (1 - v) * (ay + u * (by - ay)) + v * (dy + u * (cy - dy)) - 0.5;
      const left = clamp(Math.floor(x), width - 1);
      const right = Math.min(width - 1, left + 1);
      const top = clamp(Math.floor(y), height - 1);
      const bottom = Math.min(height - 1, top + 1);
      const [sx, sy] = [clamp(x - left, 1), clamp(y - top, 1)];
      const at = (row * target.stride + column) * 3;
      for (let channel = 0; channel < 3; channel++) {
        const pixel = (py: number, px: number): number => pixels[(py * width + px) * 3 + channel] ?? 0;
        const upper = pixel(top, left) + (pixel(top, right) - pixel(top, left)) * sx;
        const lower = pixel(bottom, left) + (pixel(bottom, right) - pixel(bottom, left)) * sx;
        target.line[at + channel] = Math.round(upper + (lower - upper) * sy);
      }
    }
  }
}

const clamp = (value: number, most: number): number =>
  Math.min(most, Math.max(0, Number.isNaN(value) ? 0 : value));
