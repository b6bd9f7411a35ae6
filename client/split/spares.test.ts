import { expect, test } from 'vitest';
import { chooseSpares, type ShardRoom } from './spares.js';

const GB = 1e9;
const shard = (region: string, more: Partial<ShardRoom> = {}): ShardRoom => ({
  region,
  open: true,
  memoryBytes: 8 * GB,
  usedBytes: GB,
  ...more,
});
const stages = [
  { region: 'east', memoryBytes: 1.25 * GB },
  { region: 'west', memoryBytes: 1.25 * GB },
];

test('a stage has a spare where another shard of its region has room for it', () => {
  const two = [shard('east'), shard('east'), shard('west'), shard('west')];
  expect(chooseSpares(stages, two)).toEqual({ spares: 1 });
  expect(chooseSpares([{ region: undefined, memoryBytes: 1 }], two)).toEqual({ spares: 1 });
});

test('one shard in a region, or none that stays, is no room; nor is a region of other stages counted', () => {
  const none = { spares: 0, why: 'west has one shard' };
  expect(chooseSpares(stages, [shard('east'), shard('east'), shard('west')])).toEqual(none);
  const leaving = [shard('east'), shard('east'), shard('west'), shard('west', { open: false })];
  expect(chooseSpares(stages, leaving)).toEqual(none);
  expect(chooseSpares(stages, [shard('east'), shard('east')])).toEqual({
    spares: 0,
    why: 'west has no shard',
  });
  expect(chooseSpares(stages.slice(0, 1), [shard('east'), shard('east'), shard('west')])).toEqual({
    spares: 1,
  });
  expect(chooseSpares([{ region: undefined, memoryBytes: 1 }], [])).toMatchObject({ spares: 0 });
});

test('what engines hold already leaves no room for a second copy', () => {
  const full = [shard('east', { usedBytes: 6.5 * GB }), shard('east', { usedBytes: 6.5 * GB })];
  expect(chooseSpares(stages.slice(0, 1), full)).toEqual({
    spares: 0,
    why: 'the shards of east have no memory for a second copy',
  });
});
