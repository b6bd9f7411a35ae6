import { expect, test } from 'vitest';
import { returnsOf } from './traced-call.js';

const answers = (regions: string) =>
  Array.from(regions, (letter, i) => ({
    caller: 'one',
    replica: letter === 'e' ? 'shard-east-1_a' : 'shard-west-1_a',
    atMs: 1_000 + i * 250,
  }));

test('a region that is back has its callers back once', () => {
  expect(returnsOf(answers('wwwweeee'), 'one', 'east', 1_000, Infinity)).toEqual({ afterMs: 1_000, left: 0 });
});

test('callers who leave it again are seen', () => {
  expect(returnsOf(answers('wweewwee'), 'one', 'east', 1_000, Infinity)).toEqual({ afterMs: 500, left: 1 });
});

test('a region that nobody came back to says so', () => {
  expect(returnsOf(answers('wwww'), 'one', 'east', 1_000, Infinity).afterMs).toBe(Infinity);
});
