import { expect, test } from 'vitest';
import { KnownWarmUps } from './known-warm-ups.js';

const report = { points: [{ rows: 1, runMs: 2 }], axes: undefined, rowItems: 4 };

test('a graph counts as tried only after a session of that very graph has run', () => {
  const known = new KnownWarmUps();
  expect(known.of('a', 'signed')).toBeUndefined();
  known.loaded('a', 'signed', report);
  expect(known.of('a', 'signed')).toEqual({ report, ran: true });
  // As onnxruntime rewrote it: measured, and never run.
  expect(known.of('a', 'prepared')).toEqual({ report, ran: false });
  known.loaded('a', 'prepared', report);
  expect(known.of('a', 'prepared')?.ran).toBe(true);
  expect(known.of('b', 'signed')).toBeUndefined();
});

test('the latest versions are known, and a few graphs of each', () => {
  const known = new KnownWarmUps();
  for (let i = 0; i < 4_200; i++) known.loaded(String(i), 'signed', report);
  expect([known.of('0', 'signed'), known.of('4199', 'signed')?.ran]).toEqual([undefined, true]);
  for (let i = 0; i < 20; i++) known.loaded('4199', `prepared ${i}`, report);
  expect([known.of('4199', 'signed')?.ran, known.of('4199', 'prepared 19')?.ran]).toEqual([false, true]);
});
