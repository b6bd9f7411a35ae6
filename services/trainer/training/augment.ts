// Pictures a little shifted, turned and scaled, anew for every batch and the same for the same seed. The training loop asks for
// image jobs that want it; a resumed job draws what the undisturbed one would have drawn.
import { seeded } from '../../onnx/seeded.js';

const SHIFT_PIXELS = 1;
const TURN_RADIANS = 0.15;
const SCALE = 0.1;

/** `pixels` holds `count` pictures of [channels, height, width]; what comes from outside is 0. Bilinear. */
export function augmented(
  pixels: Uint8Array,
  count: number,
  shape: readonly number[],
  seed: number,
): Float32Array {
  const [channels = 1, height = 1, width = 1] = shape;
  const out = new Float32Array(pixels.length);
  const random = seeded(seed);
  const even = (reach: number): number => (random.uniform() * 2 - 1) * reach;
  for (let picture = 0; picture < count; picture++) {
    const [turn, grow, dx, dy] = [
      even(TURN_RADIANS),
      1 + even(SCALE),
      even(SHIFT_PIXELS),
      even(SHIFT_PIXELS),
    ];
    const [cos, sin] = [Math.cos(turn) / grow, Math.sin(turn) / grow];
    const place: Place = { cos, sin, dx, dy };
    for (let channel = 0; channel < channels; channel++)
      move(pixels, out, (picture * channels + channel) * height * width, height, width, place);
  }
  return out;
}

interface Place {
  readonly cos: number;
  readonly sin: number;
  readonly dx: number;
  readonly dy: number;
}

/** One channel, from its first pixel on. Plain numbers, since it takes as long as a training step otherwise. */
function move(
  pixels: Uint8Array,
  out: Float32Array,
  base: number,
  height: number,
  width: number,
  { cos, sin, dx, dy }: Place,
): void {
  const middleX = (width - 1) / 2;
  const middleY = (height - 1) / 2;
  for (let y = 0; y < height; y++) {
    const downX = sin * (y - middleY - dy) + middleX;
    const downY = cos * (y - middleY - dy) + middleY;
    for (let x = 0; x < width; x++) {
      const fromX = cos * (x - middleX - dx) + downX;
      const fromY = downY - sin * (x - middleX - dx);
      const left = Math.floor(fromX);
      const top = Math.floor(fromY);
      if (left < -1 || top < -1 || left >= width || top >= height) continue;
      const right = fromX - left;
      const low = fromY - top;
      const at = base + top * width + left;
      let value = 0;
      if (top >= 0) {
        if (left >= 0) value += (1 - low) * (1 - right) * (pixels[at] ?? 0);
        if (left + 1 < width) value += (1 - low) * right * (pixels[at + 1] ?? 0);
      }
      if (top + 1 < height) {
        if (left >= 0) value += low * (1 - right) * (pixels[at + width] ?? 0);
        if (left + 1 < width) value += low * right * (pixels[at + width + 1] ?? 0);
      }
      out[base + y * width + x] = value;
    }
  }
}
