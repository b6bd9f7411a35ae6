import { expect, test } from 'vitest';
import { channelsKept, narrowings } from './narrowing.js';
import { firstWithin } from './thin-to-latency.js';
import { widthTable } from './width-table.js';

/** Two layers one after the other, with a group of channels each; the second reads what the first makes. */
const [A, B] = [0, 1];
const groups = {
  cuts: [],
  depthwise: [],
  reshapes: [],
  units: new Map<number, number>(),
  free: new Map([
    [A, 32],
    [B, 32],
  ]),
  rootOf: (group: number) => group,
};
const segment = (group: number) => [{ group, size: 32, repeat: 1 }];
const even = new Map([
  [A, new Float64Array(32).fill(1)],
  [B, new Float64Array(32).fill(1)],
]);
const eights = (_: number, size: number): number[] => [24, 16, 8].filter((width) => width < size);
const path = (
  ns: { a: (left: number) => number; b: (inputs: number, left: number) => number },
  worth = even,
) => [
  ...narrowings({
    groups,
    worth,
    widthsOf: eights,
    layers: [
      { macs: 100, cuts: [segment(A)], ns: ([left = 0]) => ns.a(left) },
      { macs: 400, cuts: [segment(A), segment(B)], ns: ([inputs = 0, left = 0]) => ns.b(inputs, left) },
    ],
  }),
];
const widths = (one: { widths: ReadonlyMap<number, number> } | undefined) => [
  ...(one?.widths.values() ?? []),
];

test('channels go where a millisecond costs the least worth', () => {
  const [whole, first] = path({ a: (left) => left, b: (_, left) => 10 * left });
  expect(widths(whole)).toEqual([32, 32]);
  expect(whole?.keptShare).toBe(1);
  expect(widths(first)).toEqual([32, 24]);
  expect(first?.keptShare).toBeCloseTo((100 + 300) / 500, 9);
});

test('where kernels compute 16 channels at a time, two blocks of 8 go at once and no lone one', () => {
  const sixteens = (left: number): number => Math.ceil(left / 16);
  const found = path({ a: sixteens, b: (inputs, left) => sixteens(inputs) * sixteens(left) });
  expect(found.slice(0, 3).map(widths)).toEqual([
    [32, 32],
    [16, 32],
    [16, 16],
  ]);
});

test('what is worth more stays, though it takes as long', () => {
  const worth = new Map([
    [A, Float64Array.from({ length: 32 }, (_, channel) => (channel % 4 === 1 ? 0.5 : 1.2))],
    [B, new Float64Array(32).fill(1)],
  ]);
  const [, first] = path({ a: (left) => 5 * left, b: (_, left) => 5 * left }, worth);
  expect(widths(first)).toEqual([24, 32]);
  const kept = channelsKept(worth, first?.widths ?? new Map());
  expect(kept.get(A)?.some((channel) => channel % 4 === 1)).toBe(false);
  expect(kept.get(B)).toHaveLength(32);
});

test('between measured widths the wider one holds, and what seemed slower though narrower is not believed', () => {
  const ns: Readonly<Record<string, number>> = { '8,8': 10, '8,16': 90, '16,8': 40, '16,16': 60 };
  const table = widthTable(
    [
      [8, 16],
      [8, 16],
    ],
    (left) => ns[left.join()] ?? 0,
  );
  expect([table([8, 8]), table([8, 16]), table([16, 8]), table([16, 16])]).toEqual([10, 60, 40, 60]);
  expect(table([9, 3])).toBe(40);
  expect(table([20, 20])).toBe(60);
});

test('the first that is fast enough is found without timing all', async () => {
  const shares = [1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3];
  const asked: number[] = [];
  const shareAt = (i: number): Promise<number> => {
    asked.push(i);
    return Promise.resolve(shares[i] ?? 0);
  };
  expect(await firstWithin(shares.length, shareAt, 0.65)).toBe(4);
  expect(asked.length).toBeLessThan(shares.length);
  expect(await firstWithin(shares.length, shareAt, 0.2)).toBeUndefined();
  expect(await firstWithin(0, shareAt, 0.5)).toBeUndefined();
  expect(await firstWithin(1, shareAt, 1)).toBe(0);
});
