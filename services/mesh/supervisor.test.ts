import { expect, test } from 'vitest';
import { Supervisor } from './supervisor.js';

test('three crashes in a minute are restarted, each after a longer wait; the fourth goes up', () => {
  const supervisor = new Supervisor(() => 0.5);
  const verdicts = [0, 1_000, 2_000, 3_000].map((at) => supervisor.crashed(at));
  expect(verdicts).toEqual([
    { kind: 'restart', afterMs: 100 },
    { kind: 'restart', afterMs: 200 },
    { kind: 'restart', afterMs: 400 },
    { kind: 'escalate', crashes: 4 },
  ]);
});

test('crashes of more than a minute ago are forgiven', () => {
  const supervisor = new Supervisor(() => 0.5);
  for (let minute = 0; minute < 20; minute++)
    expect(supervisor.crashed(minute * 30_000).kind).toBe('restart');
});
