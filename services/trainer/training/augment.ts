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
  const [middleX, middleY] = [(width - 1) / 2, (height - 1) / 2];
  for (let picture = 0; picture < count; picture++) {
    const [turn, grow, dx, dy] = [
      even(TURN_RADIANS),
      1 + even(SCALE),
      even(SHIFT_PIXELS),
      even(SHIFT_PIXELS),
    ];
    const [cos, sin] = [Math.cos(turn) / grow, Math.sin(turn) / grow];
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const [fromX, fromY] = [
          cos * (x - middleX - dx) + sin * (y - middleY - dy) + middleX,
          cos * (y - middleY - dy) - sin * (x - middleX - dx) + middleY,
        ];
        const [left, top] = [Math.floor(fromX), Math.floor(fromY)];
        if (left < -1 || top < -1 || left >= width || top >= height) continue;
        const [right, low] = [fromX - left, fromY - top];
        for (let channel = 0; channel < channels; channel++) {
          const base = (picture * channels + channel) * height * width;
          const at = (row: number, column: number): number =>
            row < 0 || column < 0 || row >= height || column >= width
              ? 0
              : (pixels[base + row * width + column] ?? 0);
          out[base + y * width + x] =
            (1 - low) * ((1 - right) * at(top, left) + right * at(top, left + 1)) +
            low * ((1 - right) * at(top + 1, left) + right * at(top + 1, left + 1));
        }
      }
    }
  }
  return out;
}
