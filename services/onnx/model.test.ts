import { expect, test } from 'vitest';
import { Failure } from '../../contracts/errors.js';
import { decode, encode } from './model.js';
import { seeded } from './seeded.js';
import { mlp } from './testing/mlp.js';
import { ocrRecogniser } from './testing/real-models.js';
import { LIMITS } from './wire-bounds.js';

test('reading copies no weights: they are views of the given bytes', () => {
  const bytes = mlp(1);
  const weights = decode(bytes).graph?.initializer ?? [];
  expect(weights).toHaveLength(4);
  for (const { rawData } of weights) expect(rawData.buffer).toBe(bytes.buffer);
});

test('a model reads back as it was written, unknown parts included', () => {
  const unknown = new Uint8Array([...mlp(1, 4), 0xfa, 0x3e, 3, 1, 2, 3]); // field 1007, three bytes
  const model = decode(unknown);
  expect(decode(encode(model))).toEqual(model);
  expect(encode(model)).toHaveLength(unknown.length);
});

test('a model cut at any byte is refused, or is a whole model', () => {
  const bytes = mlp(1, 4);
  for (let length = 0; length < bytes.length; length++) {
    expect(refusalOf(() => decode(bytes.subarray(0, length)))?.code ?? 'read').toMatch(
      /^(MODEL_REFUSED|read)$/,
    );
  }
  expect(refusalOf(() => decode(bytes.subarray(0, bytes.length - 30)))?.message).toMatch(
    /truncated or damaged/,
  );
});

test('random damage never gets further than a coded refusal', () => {
  const random = seeded(7);
  const whole = ocrRecogniser().slice(0, 60_000);
  for (let round = 0; round < 300; round++) {
    const bytes = whole.slice(0, Math.floor(random.uniform() * whole.length));
    for (let hit = 0; hit < 5; hit++)
      bytes[Math.floor(random.uniform() * bytes.length)] = Math.floor(random.uniform() * 256);
    refusalOf(() => decode(bytes));
  }
});

test('the place of the damage is named', () => {
  // graph { node { input: 9 bytes announced, 1 there } }
  expect(() => decode(Uint8Array.of(0x3a, 5, 0x0a, 3, 0x0a, 9, 65))).toThrow(
    /byte 6, graph.node needs 9 bytes/,
  );
  expect(() => decode(Uint8Array.of(0x3a, 2, 0x08, 1))).toThrow('has field node written as wire type 0');
});

test.each([
  ['version https://git-lfs.github.com/spec/v1\noid', 'Git LFS pointer'],
  ['PK\x03\x04rest', 'zip archive'],
  ['<!DOCTYPE html><html>', 'web page'],
  ['\x18\x00\x00\x00ORTM', "onnxruntime's own format"],
])('a file that begins with %j is called by its name', (text, name) => {
  expect(() => decode(Uint8Array.from(text, (letter) => letter.charCodeAt(0)))).toThrow(name);
});

test('an empty file and a model without a graph are refused', () => {
  expect(() => decode(new Uint8Array())).toThrow('empty');
  expect(() => decode(Uint8Array.of(0x08, 8))).toThrow('no graph');
});

test('a small file that asks for millions of messages is refused before they exist', () => {
  const nodes = new Uint8Array(2 * (LIMITS.nodes + 1)).map((_, i) => (i % 2 === 0 ? 0x0a : 0));
  expect(() => decode(delimited(0x3a, nodes))).toThrow(`more than ${LIMITS.nodes} nodes`);
  const infos = new Uint8Array(2 * (LIMITS.messages + 1)).map((_, i) => (i % 2 === 0 ? 0x6a : 0));
  expect(() => decode(delimited(0x3a, infos))).toThrow(`more than ${LIMITS.messages} parts`);
});

test('graphs nested beyond the limit are refused without a stack overflow', () => {
  let body: Uint8Array = new Uint8Array();
  for (let depth = 0; depth <= LIMITS.graphDepth; depth++) {
    body = delimited(0x0a, delimited(0x2a, delimited(0x32, body))); // graph { node { attribute { g {} } } }
  }
  expect(() => decode(delimited(0x3a, body))).toThrow(`nests graphs deeper than ${LIMITS.graphDepth}`);
});

function delimited(tag: number, content: Uint8Array): Uint8Array {
  const length: number[] = [];
  for (let left = content.length; ; left >>>= 7) {
    length.push(left > 127 ? (left & 127) | 128 : left);
    if (left <= 127) break;
  }
  return Uint8Array.from([tag, ...length, ...content]);
}

/** Anything but a coded failure passes through and fails the test. */
function refusalOf(action: () => unknown): Failure | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}
