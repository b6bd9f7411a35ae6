// The text of each row, with the labels that were signed with the version.
import { ctcTexts } from '../../../contracts/ctc.js';
import { failure } from '../../../contracts/errors.js';
import { made, port, type StepFunction } from './step-function.js';

export const ctcText: StepFunction<'ctc-text'> = (ports, _, { labels }) => {
  if (!labels) throw failure('BAD_REQUEST', 'The version was pushed without labels: push it with --labels.');
  const texts = ctcTexts(port(ports, 'y'), labels);
  return {
    // The margins of a line read as spaces.
    text: made(
      'BYTES',
      [texts.length],
      texts.map(({ text }) => text.trim()),
    ),
    scores: made(
      'FP32',
      [texts.length],
      Float32Array.from(texts, ({ score }) => score),
    ),
  };
};
