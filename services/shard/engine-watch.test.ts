import { expect, test } from 'vitest';
import { freshWatch, isStuck, look, PING_MS } from './engine-watch.js';

test('an engine that answers is never stuck, however long it lives', () => {
  let watch = freshWatch;
  for (let pongs = 1; pongs < 10_000; pongs++) watch = look(watch, pongs, PING_MS);
  expect(isStuck(watch, 1)).toBe(false);
});

test('an engine silent for longer than its work may take is stuck', () => {
  let watch = look(freshWatch, 1, PING_MS);
  for (let i = 0; i < 4; i++) watch = look(watch, 1, PING_MS);
  expect(isStuck(watch, 1_000)).toBe(false);
  expect(isStuck(look(watch, 1, PING_MS), 1_000)).toBe(true);
});

test('a host that was stopped for a minute kills nobody when it goes on', () => {
  expect(isStuck(look(freshWatch, 0, 60_000), 1_000)).toBe(false);
});
