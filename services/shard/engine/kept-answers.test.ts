import { expect, test } from 'vitest';
import { askedDigest } from './asked-digest.js';
import { type KeptAnswer, KeptAnswers } from './kept-answers.js';

const answer = (bytes: number, keptAtMs = 0, ageMsMax = 100): KeptAnswer => ({
  outputs: [{ name: 'y', datatype: 'UINT8', shape: [bytes], data: new Uint8Array(bytes) }],
  asked: 'a',
  keptAtMs,
  ageMsMax,
});

test('the least lately used goes first, and one answer never takes it all', () => {
  const kept = new KeptAnswers(10_000);
  for (const key of ['r a', 'r b', 'r c', 'q d']) kept.keep(key, answer(1_900));
  expect(kept.get('r a', 1)).toBeDefined();
  kept.keep('r e', answer(1_900));
  expect(kept.get('r b', 1)).toBeUndefined();
  expect(kept.get('r a', 1)).toBeDefined();
  kept.keep('r f', answer(9_000));
  expect(kept.get('r f', 1)).toBeUndefined();
  expect(kept.bytes).toBeLessThanOrEqual(10_000);
  kept.dropAll('r ');
  expect(kept.get('q d', 1)).toBeDefined();
  expect(kept.bytes).toBe(1_900 + 512);
});

test('an answer that is too old is none', () => {
  const kept = new KeptAnswers(10_000);
  kept.keep('k', answer(10, 50));
  expect(kept.get('k', 149)).toBeDefined();
  expect(kept.get('k', 150)).toBeUndefined();
  expect(kept.bytes).toBe(0);
});

test('what is kept is a copy: the memory of a run is used again', () => {
  const kept = new KeptAnswers(10_000);
  const made = answer(4);
  kept.keep('k', made);
  const bytes = made.outputs[0]?.data as Uint8Array | undefined;
  bytes?.fill(9);
  expect(kept.get('k', 1)?.outputs[0]?.data).toEqual(new Uint8Array(4));
});

test('names, types, shapes, values and parameters all tell requests apart; the order of parameters does not', () => {
  const x = { name: 'x', datatype: 'INT8', shape: [2], data: Int8Array.of(1, 2) } as const;
  const y = { ...x, name: 'y' };
  const all = [
    askedDigest([x], { parameters: {} }),
    askedDigest([y], { parameters: {} }),
    askedDigest([{ ...x, datatype: 'UINT8' }], { parameters: {} }),
    askedDigest([{ ...x, shape: [1, 2] }], { parameters: {} }),
    askedDigest([{ ...x, data: Int8Array.of(1, 3) }], { parameters: {} }),
    askedDigest([x, y], { parameters: {} }),
    askedDigest([x], { parameters: { a: 1 } }),
    askedDigest([x], { parameters: { a: '1' } }),
  ];
  expect(new Set(all).size).toBe(all.length);
  expect(askedDigest([x], { parameters: { a: 1, b: 2 } })).toBe(
    askedDigest([x], { parameters: { b: 2, a: 1 } }),
  );
});
