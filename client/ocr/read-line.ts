// Reads a line of text: picture in, text out, with one call of a PP-OCRv4 recogniser between them. The labels are asked for after
// the call, because they belong to the version that ran.
import { ctcTexts } from '../../contracts/ctc.js';
import { failure } from '../../contracts/errors.js';
import type { Call } from '../call.js';
import { lineImage } from './line-image.js';

export async function readLine(
  png: Uint8Array,
  call: Call,
  labels: () => Promise<readonly string[]>,
): Promise<string> {
  const [output] = Object.values(await call({ x: lineImage(png) }));
  if (!output) throw failure('INTERNAL', 'The recogniser answered without an output.');
  const [line] = ctcTexts(output, await labels());
  return (line?.text ?? '').trim(); // the margins of a picture read as spaces
}
