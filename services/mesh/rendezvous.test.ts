import { expect, test } from 'vitest';
import { murmur3 } from './murmur3.js';
import { inheritSlots, rendezvous } from './rendezvous.js';

const USERS = 40_000;
const seats = (names: readonly string[], inFlight = 0) =>
  names.map((name) => ({ name, hash: murmur3(name), inFlight }));
const twelve = Array.from({ length: 12 }, (_, i) => `shard-${i}`);
const seatings = (of: ReturnType<typeof seats>) =>
  Array.from({ length: USERS }, (_, i) => rendezvous(`user-${i}`, of, ({ hash }) => hash)?.name);

test('when one of twelve shards goes, only its own users move', () => {
  const before = seatings(seats(twelve));
  const after = seatings(seats(twelve.slice(1)));
  const moved = before.filter((name, i) => name !== after[i]);
  expect(moved.every((name) => name === 'shard-0')).toBe(true);
  expect(Math.abs(moved.length / USERS - 1 / 12)).toBeLessThan(0.01);
});

test('a seat of double weight gets double the users', () => {
  const [a, b] = [
    { name: 'a', hash: murmur3('a'), inFlight: 0, weight: 1 },
    { name: 'b', hash: murmur3('b'), inFlight: 0, weight: 2 },
  ];
  const got = Array.from(
    { length: USERS },
    (_, i) => rendezvous(`user-${i}`, [a, b], ({ hash }) => hash)?.name,
  );
  expect(Math.abs(got.filter((name) => name === 'b').length / USERS - 2 / 3)).toBeLessThan(0.01);
});

test('users of an overloaded shard spill to their next choice, others stay', () => {
  const calm = seatings(seats(twelve));
  const hot = seats(twelve).map((seat) => (seat.name === 'shard-3' ? { ...seat, inFlight: 50 } : seat));
  const spilled = seatings(hot);
  calm.forEach((name, i) => name !== 'shard-3' && expect(spilled[i]).toBe(name));
  expect(spilled).not.toContain('shard-3');
});

test('a replacement inherits the slot, everybody else keeps theirs', () => {
  expect(inheritSlots(['a', 'b', 'c'], ['c', 'x', 'a'])).toEqual(['a', 'x', 'c']);
  expect(inheritSlots(['a', 'b'], ['a', 'b', 'c'])).toEqual(['a', 'b', 'c']);
  expect(inheritSlots(['a', 'b', 'c'], ['c'])).toEqual(['c']);
  expect(inheritSlots([], ['a'])).toEqual(['a']);
});
