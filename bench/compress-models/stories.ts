// A decoder-only language model for bench compress, stories260K where it lies beside the checkout: judged by the negative
// log-likelihood a token of a story that it did not write.
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { quantizeBlockwise } from '../../services/onnx/quantize/blockwise.js';
import { quantizeDynamic } from '../../services/onnx/quantize/dynamic.js';
import { toFloat16 } from '../../services/onnx/quantize/float16.js';
import { openSession, type Tensors } from '../../services/onnx/session.js';
import { float32, floatValues, int64 } from '../../services/onnx/tensor.js';
import { sharedModel } from '../../services/onnx/testing/real-models.js';
import type { Subject } from './subject.js';

const LAYERS = 5;
const TOKENIZER = resolve('../shared/data', 'stories260K-tok512.bin');
const [BEGIN, BYTES_FROM] = [1, 3];

const STORY =
  'Once upon a time, there was a little girl named Lily. She loved to play outside in the park with her dog, Max. One day, ' +
  'they saw a big red ball under a tree. Lily wanted to play with the ball, but it was stuck. She asked her mom for help. ' +
  'Her mom said, "Let me try." She pulled and pulled, and the ball came out. Lily was very happy. She said, "Thank you, mom!" ' +
  'They played with the ball all day. When the sun went down, they went home and had dinner. Lily gave Max a big hug and went ' +
  'to sleep. The next day, a boy named Tom came to the park. He was sad because he did not have a toy. Lily shared her ball ' +
  'with him, and they became good friends.';

/** Undefined where the model is not there. `drop` is the rise of the negative log-likelihood, in hundredths of a nat a token. */
export async function storiesSubject(): Promise<Subject | undefined> {
  const parent = sharedModel('stories260K.onnx');
  if (parent === undefined || !existsSync(TOKENIZER)) return undefined;
  const tokens = [BEGIN, ...encoded(STORY, readVocabulary())];
  const float = await likelihood(parent, tokens);
  console.log(`stories260K: ${float.toFixed(4)} nats a token over ${tokens.length - 1} tokens`);
  return {
    model: 'stories260K',
    parent,
    feeds: inputs([tokens[64] ?? BEGIN], 64),
    methods: {
      'dynamic int8': (await quantizeDynamic(parent)).model,
      'int4 blocks': (await quantizeBlockwise(parent)).model,
      float16: toFloat16(parent).model,
    },
    drop: async (model) => 100 * ((await likelihood(model, tokens)) - float),
  };
}

function inputs(ids: readonly number[], past: number): Tensors {
  const cache = float32([1, 4, past, 8], new Float32Array(32 * past));
  const caches = Array.from({ length: LAYERS }, (_, i) => [
    [`past_key_${i}`, cache],
    [`past_value_${i}`, cache],
  ]).flat() as [string, typeof cache][];
  return { input_ids: int64([1, ids.length], ids), ...Object.fromEntries(caches) };
}

/** Mean over the tokens of -log p(token | those before). */
async function likelihood(model: Uint8Array, tokens: readonly number[]): Promise<number> {
  await using session = await openSession(model);
  const said = (await session.run(inputs(tokens, 0)))['logits'];
  if (said === undefined) throw new Error('the model says no logits');
  const [values, width] = [floatValues(said), said.dims.at(-1) ?? 1];
  const losses = tokens.slice(1).map((token, i) => {
    const row = values.subarray(i * width, (i + 1) * width);
    const most = row.reduce((a, b) => Math.max(a, b));
    const total = row.reduce((sum, value) => sum + Math.exp(value - most), 0);
    return Math.log(total) + most - (row[token] ?? 0);
  });
  return losses.reduce((a, b) => a + b, 0) / losses.length;
}

interface Vocabulary {
  readonly ids: ReadonlyMap<string, number>;
  readonly scores: readonly number[];
}

/** int32 longest, then for each token float32 score, int32 length, bytes (llama2.c). */
function readVocabulary(): Vocabulary {
  const file = readFileSync(TOKENIZER);
  const ids = new Map<string, number>();
  const scores: number[] = [];
  for (let at = 4; at + 8 <= file.length;) {
    const length = file.readInt32LE(at + 4);
    const text = file.toString('latin1', at + 8, at + 8 + length);
    if (!ids.has(text)) ids.set(text, scores.length);
    scores.push(file.readFloatLE(at));
    at += 8 + length;
  }
  return { ids, scores };
}

/** Byte-pair encoding: the neighbours whose union scores best are joined until none is a token. */
function encoded(text: string, { ids, scores }: Vocabulary): number[] {
  let pieces = Array.from(` ${text}`);
  for (;;) {
    let [best, place] = [-Infinity, -1];
    pieces.slice(1).forEach((piece, i) => {
      const id = ids.get((pieces[i] ?? '') + piece);
      const score = id === undefined ? -Infinity : (scores[id] ?? -Infinity);
      if (score > best) [best, place] = [score, i];
    });
    if (place < 0) break;
    pieces = pieces.toSpliced(place, 2, (pieces[place] ?? '') + (pieces[place + 1] ?? ''));
  }
  return pieces.map((piece) => ids.get(piece) ?? BYTES_FROM + piece.charCodeAt(0));
}
