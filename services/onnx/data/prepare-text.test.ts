import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ExampleFile } from './example-file.js';
import { partFile } from './prepared.js';
import { prepareRunningText, prepareText } from './prepare-text.js';
import { listTable } from './table-source.js';
import { Tokenizer } from './tokens.js';

const folder = mkdtempSync(join(tmpdir(), 'massif-text-'));
afterAll(() => rmSync(folder, { recursive: true }));
const split = { seed: 1, validation: 0.1, test: 0.1 };

test('words are learned from training texts alone', async () => {
  const rows = Array.from({ length: 40 }, (_, i) => [
    `${i % 2 ? 'good' : 'bad'} only${i} w${i % 3}`,
    i % 2 ? 'up' : 'down',
  ]);
  const request = {
    text: 'say',
    target: 'mood',
    split,
    duplicates: 'drop' as const,
    tokens: { method: 'words' as const, vocabulary: 1_000, length: 8 },
  };
  const prepared = await prepareText(listTable('t', ['say', 'mood'], rows), request, folder);
  expect(prepared.counts).toEqual({ train: 32, validation: 4, test: 4 });
  const { tokens } = prepared.features as { tokens: string[] };
  expect(tokens.filter((token) => token.startsWith('only'))).toHaveLength(32);
  using file = new ExampleFile(partFile(folder, 'train'), prepared);
  expect([...file.batch([0]).input].slice(3)).toEqual([0, 0, 0, 0, 0]);
});

test('hashed words and pairs need no vocabulary and stay in range', () => {
  const tokenizer = new Tokenizer({ method: 'hashed', vocabulary: 50, length: 7 }, []);
  const numbers = tokenizer.encode('Buy NOW, buy now');
  expect(numbers).toHaveLength(7);
  expect(Math.max(...numbers)).toBeLessThan(50);
  expect(numbers[0]).toBe(
    new Tokenizer({ method: 'hashed', vocabulary: 50, length: 7 }, []).encode('buy')[0],
  );
});

test('a running text becomes windows, each with what follows', () => {
  const text = 'the quick brown fox jumps over the lazy dog. '.repeat(10);
  const prepared = prepareRunningText('t', text, { length: 16, split, vocabulary: 100 }, folder);
  using file = new ExampleFile(partFile(folder, 'train'), prepared);
  const { input, target } = file.batch([0]);
  const read = (numbers: ArrayLike<number>) => Array.from(numbers, (n) => prepared.classes[n]).join('');
  expect(read(input as Int32Array)).toBe('the quick brown ');
  expect(read(target)).toBe('he quick brown f');
});
