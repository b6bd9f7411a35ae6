import { expect, test } from 'vitest';
import { toPassivate } from './passivation.js';

const MINUTE = 60_000;
const actors = [
  { address: 'busy', idleMs: 0 },
  { address: 'old', idleMs: 20 * MINUTE },
  { address: 'young', idleMs: MINUTE },
  { address: 'older', idleMs: 30 * MINUTE },
];

test('who is idle for a quarter of an hour sleeps', () => {
  expect(toPassivate(actors, 0.1)).toEqual(['older', 'old']);
});

test('when memory runs short the longest idle go first, the busy never', () => {
  const young = actors.filter(({ idleMs }) => idleMs < 15 * MINUTE);
  expect(toPassivate(young, 0.9)).toEqual(['young']);
  expect(toPassivate([{ address: 'busy', idleMs: 0 }], 0.99)).toEqual([]);
});
