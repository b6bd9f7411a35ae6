// Lines of text with what they say, for the character error of bench compress: the words of the example's line in other orders, in
// other light, with other contrast and grain.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lineTensor, readPng } from '../../client/ocr/line-image.js';
import { ctcTexts } from '../../contracts/ctc.js';
import { root } from '../../deploy/local/root.mjs';
import { seeded } from '../../services/onnx/seeded.js';
import { openSession, type Tensors } from '../../services/onnx/session.js';
import { float32, floatValues } from '../../services/onnx/tensor.js';
import { ocrAlphabet } from '../../services/onnx/testing/real-models.js';

export interface WrittenLine {
  readonly text: string;
  readonly inputs: Tensors;
}

interface Word {
  readonly text: string;
  /** Columns of the picture, the last one not included. */
  readonly from: number;
  readonly to: number;
}

const WORDS_A_LINE = 4;
const SPACE = 12;
const MARGIN = 9;
const DARK = 0.3;
const WORD_GAP = 10; // between letters there are at most 7 columns

/** Lines of other numbers have other words. */
export function writtenLines(count: number, from = 0): WrittenLine[] {
  const { data, shape } = lineTensor(readPng(readFileSync(join(root, 'deploy/examples/line.png'))));
  const picture = data as Float32Array;
  const [, planes = 3, height = 48, width = 0] = shape;
  const words = wordsOf(picture, height, width, exampleText().split(' '));
  return Array.from({ length: count }, (_, i) => {
    const random = seeded(5_000 + from + i);
    const chosen = Array.from(
      { length: WORDS_A_LINE },
      () => words[Math.floor(random.uniform() * words.length)],
    );
    const used = chosen.flatMap((word) => word ?? []);
    const length = used.reduce((sum, { from, to }) => sum + to - from + SPACE, 2 * MARGIN);
    const line = new Float32Array(planes * height * length).fill(1);
    let at = MARGIN;
    for (const { from, to } of used) {
      for (let row = 0; row < planes * height; row++)
        line.set(picture.subarray(row * width + from, row * width + to), row * length + at);
      at += to - from + SPACE;
    }
    const [contrast, light, grain] = [
      1 - 0.4 * random.uniform(),
      0.3 * (random.uniform() - 0.5),
      0.3 * random.uniform(),
    ];
    const seen = line.map((value) => contrast * value + light + grain * random.normal());
    const text = used.map((word) => word.text).join(' ');
    return { text, inputs: { x: float32([1, planes, height, length], seen) } };
  });
}

/** Edits that make what is read what is written (Levenshtein), over the characters that are written. */
export async function characterError(model: Uint8Array, lines: readonly WrittenLine[]): Promise<number> {
  await using session = await openSession(model);
  const alphabet = ocrAlphabet();
  let [edits, characters] = [0, 0];
  for (const { text, inputs } of lines) {
    const [[name, table] = ['', undefined]] = Object.entries(await session.run(inputs));
    if (table === undefined) continue;
    const said = { name, datatype: 'FP32' as const, shape: [...table.dims], data: floatValues(table) };
    edits += editDistance(ctcTexts(said, alphabet)[0]?.text ?? '', text);
    characters += text.length;
  }
  return edits / characters;
}

function wordsOf(picture: Float32Array, height: number, width: number, texts: readonly string[]): Word[] {
  const columns = Array.from({ length: width }, (_, x) => x).filter((x) =>
    Array.from({ length: height }, (_, y) => picture[y * width + x] ?? 1).some((value) => value < DARK),
  );
  const words: Word[] = [];
  let from = columns[0] ?? 0;
  columns.forEach((x, i) => {
    const next = columns[i + 1];
    if (next !== undefined && next - x <= WORD_GAP) return;
    words.push({ text: texts[words.length] ?? '', from: Math.max(0, from - 1), to: x + 2 });
    from = next ?? x;
  });
  if (words.length !== texts.length)
    throw new Error(`the example's line has ${words.length} words, its text ${texts.length}`);
  return words;
}

function exampleText(): string {
  const said = JSON.parse(readFileSync(join(root, 'deploy/examples/expected.json'), 'utf8')) as {
    readonly ocr: { readonly text: string };
  };
  return said.ocr.text;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
