// What comes instead of digits in bench detect: none of it is what the score was chosen by (services/auditor/detect/surrogates.ts). Near and far as
// OpenOOD sorts them for MNIST: other characters are near, what has no strokes is far.
import type { Seeded } from '../../services/onnx/seeded.js';

const SIDE = 28;

export interface Family {
  readonly name: string;
  readonly kind: 'near' | 'far';
  readonly make: (image: Float32Array, random: Seeded) => Float32Array;
}

const clamp = (value: number): number => Math.min(1, Math.max(0, value));
const at = (image: Float32Array, x: number, y: number): number =>
  x < 0 || y < 0 || x >= SIDE || y >= SIDE ? 0 : (image[y * SIDE + x] as number);

export const FAMILIES: readonly Family[] = [
  { name: 'uniform noise', kind: 'far', make: (image, random) => image.map(() => random.uniform()) },
  {
    name: 'gaussian noise',
    kind: 'far',
    make: (image, random) => image.map(() => clamp(0.5 + 0.25 * random.normal())),
  },
  {
    name: 'constant',
    kind: 'far',
    make: (image, random) => {
      const level = random.uniform();
      return image.map(() => level);
    },
  },
  { name: 'inverted', kind: 'far', make: (image) => image.map((value) => 1 - value) },
  {
    name: 'stripes',
    kind: 'far',
    make: (image, random) => {
      const [period, phase, down] = [2 + 6 * random.uniform(), 6 * random.uniform(), random.uniform() < 0.5];
      return image.map((_, i) =>
        Math.sin(((down ? i % SIDE : Math.floor(i / SIDE)) / period) * 2 * Math.PI + phase) > 0 ? 1 : 0,
      );
    },
  },
  {
    name: 'rotated by 90',
    kind: 'near',
    make: (image) => image.map((_, i) => at(image, Math.floor(i / SIDE), SIDE - 1 - (i % SIDE))),
  },
  {
    name: 'noise of 0.5 added',
    kind: 'near',
    make: (image, random) => image.map((value) => clamp(value + 0.5 * random.normal())),
  },
  { name: 'blurred', kind: 'near', make: (image) => blurred(blurred(blurred(image))) },
  { name: 'half covered', kind: 'near', make: (image, random) => covered(image, random.uniform() < 0.5) },
];

function blurred(image: Float32Array): Float32Array {
  return image.map((_, i) => {
    let sum = 0;
    for (let dy = -1; dy <= 1; dy++)
      for (let dx = -1; dx <= 1; dx++) sum += at(image, (i % SIDE) + dx, Math.floor(i / SIDE) + dy);
    return sum / 9;
  });
}

const covered = (image: Float32Array, upper: boolean): Float32Array =>
  image.map((value, i) => (Math.floor(i / SIDE) < SIDE / 2 === upper ? 0 : value));
