import { expect, test } from 'vitest';
import { UsageError } from '../cli/command.js';
import { readScaling } from './scaling-words.js';

test('words change what they name and leave the rest', () => {
  const before = readScaling('min=0,max=4,idle=5m');
  expect(before).toMatchObject({ minReplicas: 0, maxReplicas: 4, idleMs: 300_000 });
  expect(readScaling('max=8,dry-run=yes', before)).toEqual({ ...before, maxReplicas: 8, dryRun: true });
});

test('an endpoint may begin asleep', () => {
  expect(readScaling('min=0,initial=0')).toMatchObject({ minReplicas: 0, initialReplicas: 0 });
});

test.each([
  ['min=5,max=2', /scaling: minReplicas is above maxReplicas/],
  ['max=0', /maxReplicas/],
  ['max=four', /max must be a number/],
  ['idle=soon', /idle looks like/],
  ['size=3', /knows min=N/],
])('%s is refused with a sentence', (words, sentence) => {
  expect(() => readScaling(words)).toThrow(UsageError);
  expect(() => readScaling(words)).toThrow(sentence);
});
