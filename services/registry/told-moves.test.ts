import { expect, test } from 'vitest';
import type { PlacedVersion } from '../mesh/placement/shard-view.js';
import { FakeClock } from '../mesh/testing/fake-clock.js';
import type { Tale } from '../mesh/tell-audit.js';
import { digestOf } from './testing/records.js';
import { ToldMoves } from './told-moves.js';

const placed = (...models: string[]): PlacedVersion[] =>
  models.map((model) => ({ model, version: digestOf(`${model} v1`) }));

function setUp() {
  const clock = new FakeClock();
  const told: Tale['about'][] = [];
  const moves = new ToldMoves(({ about }) => void told.push(about), clock);
  return { clock, told, moves };
}

const names = (list: string | number | undefined): string[] =>
  String(list)
    .split(', ')
    .map((one) => one.split(' ')[0] ?? '');

test('moves of one second are one entry for each shard, and each is named', async () => {
  const { clock, told, moves } = setUp();
  moves.moved('one', placed('c'), []);
  moves.moved('one', [], placed('a'));
  moves.moved('two', placed('d'), []);
  expect(told).toEqual([]);
  await clock.advance(1_000);
  expect(told).toMatchObject([{ shard: 'one' }, { shard: 'two', goes: '' }]);
  expect(names(told[0]?.['comes'])).toEqual(['c']);
  expect(names(told[0]?.['goes'])).toEqual(['a']);
  expect(names(told[1]?.['comes'])).toEqual(['d']);
});

test('a whole shard that moves at once is told without delay, and no name is cut off', () => {
  const { told, moves } = setUp();
  const many = placed(...Array.from({ length: 45 }, (_, i) => `model-${i}`));
  moves.moved('one', many, []);
  expect(told.flatMap(({ comes }) => names(comes))).toEqual(many.map(({ model }) => model));
  for (const { comes } of told) expect(String(comes).length).toBeLessThanOrEqual(1_000);
});

test('whoever ends tells what is left', () => {
  const { told, moves } = setUp();
  moves.moved('one', placed('a'), []);
  moves.flush();
  moves.flush();
  expect(told).toHaveLength(1);
});
