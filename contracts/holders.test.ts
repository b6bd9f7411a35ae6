import { expect, test } from 'vitest';
import { MovedSequence, SequenceTalk } from './holders.js';

test('a sequence on its way says who it is and what was answered, and nothing without an end', () => {
  const moved = { endpoint: 'vad', id: 'a', steps: 3, ended: false, requests: ['r-1', 'r-2'] };
  expect(MovedSequence.parse(JSON.parse(JSON.stringify(moved)))).toEqual(moved);
  expect(MovedSequence.safeParse({ ...moved, requests: Array(65).fill('r') }).success).toBe(false);
});

test('a holder whose name would be more than one word of a subject is not listened to', () => {
  expect(SequenceTalk.safeParse({ kind: 'done', holder: 'a.>', to: 'b' }).success).toBe(false);
  expect(SequenceTalk.safeParse({ kind: 'done', holder: 'a', to: 'b' }).success).toBe(true);
});
