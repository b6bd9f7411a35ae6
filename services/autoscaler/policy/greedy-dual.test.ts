import { expect, test } from 'vitest';
import { seeded } from '../../onnx/seeded.js';
import { chooseVictims, creditOf } from './greedy-dual.js';

const MIB = 1_048_576;

test('the cheapest go until the others have room, and never one that is in use', () => {
  const residents = [
    { name: 'dear', credit: 9, bytes: 10, leased: false },
    { name: 'busy', credit: 1, bytes: 10, leased: true },
    { name: 'cheap', credit: 2, bytes: 10, leased: false },
    { name: 'middling', credit: 5, bytes: 10, leased: false },
  ];
  const names = (room: { residentsMax: number; bytesMax: number }) =>
    chooseVictims(residents, room).map(({ name }) => name);
  expect(names({ residentsMax: 4, bytesMax: 40 })).toEqual([]);
  expect(names({ residentsMax: 3, bytesMax: 40 })).toEqual(['cheap']);
  expect(names({ residentsMax: 4, bytesMax: 20 })).toEqual(['cheap', 'middling']);
  expect(names({ residentsMax: 0, bytesMax: 0 })).toEqual(['cheap', 'middling', 'dear']);
});

test('small, dear and often asked for models are worth more', () => {
  expect(creditOf(0, 2, 100, MIB)).toBeGreaterThan(creditOf(0, 1, 100, MIB));
  expect(creditOf(0, 1, 200, MIB)).toBeGreaterThan(creditOf(0, 1, 100, MIB));
  expect(creditOf(0, 1, 100, MIB)).toBeGreaterThan(creditOf(0, 1, 100, 2 * MIB));
});

test('among models of many sizes it spends less time on loads than "the longest unused goes first"', () => {
  const models = 500;
  const random = seeded(1);
  const bytes = Array.from({ length: models }, () => 2 ** (8 * random.uniform()) * MIB);
  const costMs = bytes.map((size) => 30 + (size / MIB) * 5);
  const total = bytes.reduce((sum, size) => sum + size, 0);
  const room = { residentsMax: models, bytesMax: total / 10 };
  const weights = bytes.map((_, rank) => 1 / (rank + 1) ** 0.9);
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  const draw = (): number => {
    let left = random.uniform() * all;
    return Math.max(
      0,
      weights.findIndex((weight) => (left -= weight) <= 0),
    );
  };
  const asked = Array.from({ length: 20_000 }, draw);
  const spent = (credit: (floor: number, model: number, count: number, at: number) => number): number => {
    const here = new Map<number, number>();
    const counts = new Map<number, number>();
    let floor = 0;
    let ms = 0;
    for (const [at, model] of asked.entries()) {
      if (!here.has(model)) ms += costMs[model] ?? 0;
      counts.set(model, (counts.get(model) ?? 0) + 1);
      here.set(model, credit(floor, model, counts.get(model) ?? 1, at));
      const residents = [...here].map(([one, worth]) => ({
        name: String(one),
        credit: worth,
        bytes: bytes[one] ?? 0,
        leased: one === model,
      }));
      for (const victim of chooseVictims(residents, room)) {
        floor = Math.max(floor, victim.credit);
        here.delete(Number(victim.name));
      }
    }
    return ms;
  };
  const lru = spent((_, __, ___, at) => at);
  const ours = spent((floor, model, count) => creditOf(floor, count, costMs[model] ?? 0, bytes[model] ?? 0));
  expect(ours).toBeLessThan(0.85 * lru);
});
