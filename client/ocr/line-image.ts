// A picture of one line of text as the PP-OCRv4 recogniser wants it: 48 pixels high, three planes in the order blue, green, red,
// values from -1 to 1. Only PNG; whatever is transparent lies on white paper.
import { PNG } from 'pngjs';
import { failure } from '../../contracts/errors.js';
import type { InputTensor } from '../call.js';

const HEIGHT = 48;
/** The recogniser's memory grows with the width: 3,200 wide takes 175 MB. */
const WIDTH_MAX = 3_200;
const BLUE_GREEN_RED = [2, 1, 0] as const;

export interface Pixels {
  width: number;
  height: number;
  /** Four bytes a pixel: red, green, blue, opacity. */
  rgba: Uint8Array;
}

export function lineImage(png: Uint8Array): InputTensor {
  return lineTensor(readPng(png));
}

export function lineTensor(pixels: Pixels): InputTensor {
  const width = Math.min(WIDTH_MAX, Math.max(1, Math.round((pixels.width * HEIGHT) / pixels.height)));
  const data = new Float32Array(3 * HEIGHT * width);
  for (let y = 0; y < HEIGHT; y++) {
    const rows = neighbours(y, HEIGHT, pixels.height);
    for (let x = 0; x < width; x++) {
      const columns = neighbours(x, width, pixels.width);
      BLUE_GREEN_RED.forEach((channel, plane) => {
        const at = (row: number, column: number) => onPaper(pixels, row * pixels.width + column, channel);
        const top = mix(at(rows.low, columns.low), at(rows.low, columns.high), columns.share);
        const bottom = mix(at(rows.high, columns.low), at(rows.high, columns.high), columns.share);
        data[(plane * HEIGHT + y) * width + x] = mix(top, bottom, rows.share) / 127.5 - 1;
      });
    }
  }
  return { data, shape: [1, 3, HEIGHT, width] };
}

export function readPng(bytes: Uint8Array): Pixels {
  try {
    const { width, height, data } = PNG.sync.read(
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    );
    return { width, height, rgba: data };
  } catch (error) {
    throw failure('BAD_REQUEST', `The image is no PNG: ${(error as Error).message}.`, {}, error);
  }
}

/** Bilinear, pixel centres aligned as OpenCV does, which prepared the model's training data. */
function neighbours(index: number, size: number, sourceSize: number) {
  const position = Math.min(sourceSize - 1, Math.max(0, ((index + 0.5) * sourceSize) / size - 0.5));
  const low = Math.floor(position);
  return { low, high: Math.min(sourceSize - 1, low + 1), share: position - low };
}

const mix = (a: number, b: number, share: number): number => a + (b - a) * share;

export function onPaper({ rgba }: Pixels, pixel: number, channel: number): number {
  return mix(255, rgba[pixel * 4 + channel] ?? 255, (rgba[pixel * 4 + 3] ?? 255) / 255);
}
