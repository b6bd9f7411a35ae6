import { expect, test } from 'vitest';
import { Card } from '../../contracts/registry.js';
import { chooseEngine, type EngineRoom, needOf, NEIGHBOURS_MAX } from './engine-choice.js';

const room = (id: number, group: string | undefined, replicas: number, open = true): EngineRoom => ({
  id,
  group,
  replicas,
  open,
});
const version = (bytes: number, card: Partial<Card> = {}) => ({ bytes, card: Card.parse(card) });

test('small models of one trust group share an engine, others are kept apart', () => {
  const rooms = [room(1, 'a', 2), room(2, 'b', 2)];
  expect(chooseEngine(rooms, needOf(version(1_000, { trustGroup: 'b' }), false))).toBe(2);
  expect(chooseEngine(rooms, needOf(version(1_000, { trustGroup: 'c' }), false))).toBeUndefined();
});

test('a large model, one that asks for it and a suspect get an engine of their own', () => {
  const rooms = [room(1, 'shared', 1), room(2, undefined, 1)];
  for (const need of [
    needOf(version(1e9), false),
    needOf(version(1, { ownEngine: true }), false),
    needOf(version(1), true),
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
  expect(chooseEngine(rooms, needOf(version(1), false))).toBe(4);
});
