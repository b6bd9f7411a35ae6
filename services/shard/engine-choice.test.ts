import { expect, test } from 'vitest';
import { Card } from '../../contracts/registry.js';
import { chooseEngine, CROWD, type EngineRoom, needOf, NEIGHBOURS_MAX } from './engine-choice.js';

const room = (id: number, group: string | undefined, replicas: number, open = true, hot = 0): EngineRoom => ({
  id,
  group,
  replicas,
  hot,
  open,
});
const calm = { suspect: false, hot: false };
const version = (bytes: number, card: Partial<Card> = {}) => ({ bytes, card: Card.parse(card) });

test('small models of one trust group share an engine, others are kept apart', () => {
  const rooms = [room(1, 'a', 2), room(2, 'b', 2)];
  expect(chooseEngine(rooms, needOf(version(1_000, { trustGroup: 'b' }), calm))).toBe(2);
  expect(chooseEngine(rooms, needOf(version(1_000, { trustGroup: 'c' }), calm))).toBeUndefined();
});

test('a large model, one that asks for it and a suspect get an engine of their own', () => {
  const rooms = [room(1, 'shared', 1), room(2, undefined, 1)];
  for (const need of [
    needOf(version(1e9), calm),
    needOf(version(1, { ownEngine: true }), calm),
    needOf(version(1), { suspect: true, hot: false }),
  ])
    expect(chooseEngine(rooms, need)).toBeUndefined();
});

test('an engine that is full or leaving takes nobody in', () => {
  const rooms = [
    room(1, 'shared', NEIGHBOURS_MAX),
    room(2, 'shared', 1, false),
    room(3, 'shared', 4),
    room(4, 'shared', 9),
  ];
  expect(chooseEngine(rooms, needOf(version(1), calm))).toBe(4);
});

test('no load comes to a hot replica but that of another hot one', () => {
  const rooms = [room(1, 'shared', 3, true, 1), room(2, 'shared', 2), room(3, 'shared', 1, true, 1)];
  expect(chooseEngine(rooms, needOf(version(1), calm))).toBe(2);
  expect(chooseEngine(rooms, needOf(version(1), { suspect: false, hot: true }))).toBe(3);
  expect(chooseEngine(rooms.slice(0, 1), needOf(version(1), calm))).toBeUndefined();
  const full = [room(4, 'shared', CROWD / 2, true, CROWD / 2)];
  expect(chooseEngine(full, needOf(version(1), { suspect: false, hot: true }))).toBeUndefined();
});
