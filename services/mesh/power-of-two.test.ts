import { expect, test } from 'vitest';
import { powerOfTwo } from './power-of-two.js';
import { seededRandom } from './random.js';

const idle = { id: 'idle', inFlight: 0, latencyMs: 4, penalty: 0 };
const busy = { id: 'busy', inFlight: 9, latencyMs: 4, penalty: 0 };
const fresh = { id: 'fresh', inFlight: 8, latencyMs: 0, penalty: 0 };
const failing = { id: 'failing', inFlight: 0, latencyMs: 0.1, penalty: 5_000 };

test('of two replicas the less loaded gets the request', () => {
  expect(powerOfTwo([busy, idle], () => 0)?.id).toBe('idle');
});
test('a replica that has answered nothing yet is not taken for free', () => {
  expect(powerOfTwo([fresh, idle], () => 0)?.id).toBe('idle');
});
test('a replica that fails fast attracts nothing', () => {
  expect(powerOfTwo([failing, busy], () => 0)?.id).toBe('busy');
});
test('with no replicas there is no pick, with one there is no choice', () => {
  expect(powerOfTwo([], () => 0)).toBeUndefined();
  expect(powerOfTwo([busy], () => 0.99)?.id).toBe('busy');
});
test('equal replicas share the requests evenly', () => {
  const random = seededRandom(7);
  const four = [0, 1, 2, 3].map((id) => ({ ...idle, id }));
  const picks = new Map<number, number>();
  for (let i = 0; i < 8_000; i++) {
    const { id } = powerOfTwo(four, random) ?? idle;
    picks.set(id as number, (picks.get(id as number) ?? 0) + 1);
  }
  for (const count of picks.values()) expect(Math.abs(count - 2_000)).toBeLessThan(200);
});
