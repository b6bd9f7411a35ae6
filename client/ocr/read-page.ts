// Reads a page of text: picture in, lines with their places out, with one call of a pipeline such as deploy/examples/ocr-page.json.
import { failure } from '../../contracts/errors.js';
import type { Call } from '../call.js';
import { table } from '../cli/table.js';
import { onPaper, readPng } from './line-image.js';

export interface PageLine {
  readonly text: string;
  readonly score: number;
  /** Corners in pixels, from the top left, clockwise. */
  readonly box: readonly (readonly [x: number, y: number])[];
}

export async function readPage(png: Uint8Array, call: Call): Promise<PageLine[]> {
  const pixels = readPng(png);
  const { width, height } = pixels;
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) =>
    onPaper(pixels, Math.floor(i / 3), i % 3),
  );
  const { text, boxes, scores } = await call({ image: { data, shape: [height, width, 3] } });
  if (!text || !(boxes?.data instanceof Float32Array))
    throw failure('BAD_REQUEST', 'The pipeline gives no `text` and `boxes`: it is not one that reads pages.');
  const corners = boxes.data;
  return (text.data as (string | Uint8Array)[]).map((line, i) => ({
    text: typeof line === 'string' ? line : new TextDecoder().decode(line),
    score: Number((scores?.data as Float32Array | undefined)?.[i] ?? 0),
    box: [0, 1, 2, 3].map((corner) => {
      const at = (i * 4 + corner) * 2;
      return [Math.round(corners[at] ?? 0), Math.round(corners[at + 1] ?? 0)] as const;
    }),
  }));
}

export const pageText = (lines: readonly PageLine[]): string =>
  lines.length === 0
    ? 'no text'
    : table(
        ['text', 'score', 'from', 'to'],
        lines.map(({ text, score, box }) => [
          text,
          score.toFixed(2),
          box[0]?.join(',') ?? '',
          box[2]?.join(',') ?? '',
        ]),
      );
