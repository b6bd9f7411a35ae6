import { expect, test } from 'vitest';
import { Census, GONE_MS, GONE_WHATEVER_CONSUL_SAYS_MS } from './census.js';
import { aHeartbeat } from './testing/records.js';

const ids = (census: Census, nowMs: number) =>
  census.shards(nowMs).flatMap(({ id, state }) => (state === 'gone' ? [] : [id]));

/** A region with two shards: the first falls silent at 0, the second goes on. */
function oneSilent(): Census {
  const census = new Census();
  census.heard(aHeartbeat('shard-east-1', 'east'), 0);
  for (let at = 0; at <= 20_000; at += 500) census.heard(aHeartbeat('shard-east-2', 'east'), at);
  return census;
}

test('a shard that is silent for less than five seconds is still there', () => {
  expect(ids(oneSilent(), 4_999)).toEqual(['shard-east-1', 'shard-east-2']);
  expect(ids(oneSilent(), 5_000)).toEqual(['shard-east-2']);
});

test('a shard that Consul lists gets longer, but not for ever: its table may be an old one', () => {
  const census = oneSilent();
  census.consulLists('east', ['shard-east-1', 'shard-east-2']);
  expect(ids(census, GONE_MS)).toEqual(['shard-east-1', 'shard-east-2']);
  expect(ids(census, GONE_WHATEVER_CONSUL_SAYS_MS)).toEqual(['shard-east-2']);
});

test('when a whole region falls silent all its shards are gone together, not one after the other', () => {
  const census = new Census();
  census.heard(aHeartbeat('shard-east-1', 'east'), 0);
  census.heard(aHeartbeat('shard-east-2', 'east'), 400);
  census.heard(aHeartbeat('shard-west-1', 'west'), 5_200);
  expect(ids(census, 1_000)).toEqual(['shard-east-1', 'shard-east-2', 'shard-west-1']);
  expect(ids(census, 5_200)).toEqual(['shard-west-1']);
});

test('only what changes the placing is news', () => {
  const census = new Census();
  expect(census.heard(aHeartbeat('shard-east-1', 'east'), 0)).toBe(true);
  expect(census.heard(aHeartbeat('shard-east-1', 'east'), 500)).toBe(false);
  expect(census.heard(aHeartbeat('shard-east-1', 'east', 'draining'), 1_000)).toBe(true);
  expect(census.heard(aHeartbeat('shard-east-1', 'east', 'draining'), 1_000 + GONE_MS + 1)).toBe(true);
});

test('a draining shard is live and says so', () => {
  const census = new Census();
  census.heard(aHeartbeat('shard-east-1', 'east', 'draining'), 0);
  expect(census.shards(0)).toMatchObject([{ id: 'shard-east-1', region: 'east', state: 'draining' }]);
});

test('a shard known from Consul alone is not placed on: it has not said what it is', () => {
  const census = new Census();
  census.consulLists('east', ['shard-east-1']);
  expect(ids(census, 0)).toEqual([]);
});

test('a silent shard is gone for a while, so that its record is emptied, and forgotten later', () => {
  const census = new Census();
  census.heard(aHeartbeat('shard-east-1', 'east'), 0);
  expect(census.shards(GONE_MS)).toMatchObject([{ id: 'shard-east-1', state: 'gone' }]);
  expect(census.shards(3_600_000)).toEqual([]);
});
