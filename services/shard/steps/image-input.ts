// A picture as a convolution net wants it: sides that are multiples of what its strides need, planes of normalised floats.
import { failure } from '../../../contracts/errors.js';
import { bytes, made, port, room, type StepFunction } from './step-function.js';

export const imageInput: StepFunction<'image-input'> = (ports, { sideMax, multiple, order, mean, std }) => {
  const [height = 0, width = 0] = port(ports, 'image').shape;
  if (height === 0 || width === 0) throw failure('BAD_REQUEST', 'The picture has no pixels.');
  const scale = Math.min(1, sideMax / Math.max(height, width));
  const side = (size: number) => Math.max(multiple, Math.round((size * scale) / multiple) * multiple);
  const [rows, columns] = [side(height), side(width)];
  const plane = rows * columns;
  const x = new Float32Array(room(3, rows, columns));
  const source = bytes(ports, 'image');
  const across = samples(columns, width);
  const down = samples(rows, height);
  for (let channel = 0; channel < 3; channel++) {
    const from = order === 'bgr' ? 2 - channel : channel;
    const gain = 1 / (255 * (std[channel] || 1));
    const shift = (mean[channel] ?? 0) / (std[channel] || 1);
    let at = channel * plane;
    for (let y = 0; y < rows; y++) {
      const low = (down.low[y] as number) * width;
      const high = (down.high[y] as number) * width;
      const share = down.share[y] as number;
      for (let column = 0; column < columns; column++) {
        const left = across.low[column] as number;
        const right = across.high[column] as number;
        const mix = across.share[column] as number;
        const top = between(source[(low + left) * 3 + from], source[(low + right) * 3 + from], mix);
        const bottom = between(source[(high + left) * 3 + from], source[(high + right) * 3 + from], mix);
        x[at++] = (top + (bottom - top) * share) * gain - shift;
      }
    }
  }
  return { x: made('FP32', [1, 3, rows, columns], x) };
};

const between = (a = 0, b = 0, share: number): number => a + (b - a) * share;

/** Bilinear, pixel centres aligned as OpenCV does, which prepared the models' training data. */
function samples(size: number, sourceSize: number) {
  const low = new Int32Array(size);
  const high = new Int32Array(size);
  const share = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    const position = Math.min(sourceSize - 1, Math.max(0, ((i + 0.5) * sourceSize) / size - 0.5));
    low[i] = Math.floor(position);
    high[i] = Math.min(sourceSize - 1, Math.floor(position) + 1);
    share[i] = position - Math.floor(position);
  }
  return { low, high, share };
}
