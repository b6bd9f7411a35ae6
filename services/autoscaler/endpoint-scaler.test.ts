import { expect, test } from 'vitest';
import { ScalingPolicy } from '../../contracts/scaling.js';
import { EndpointScaler } from './endpoint-scaler.js';
import type { Load } from './load-book.js';

const sleepy = ScalingPolicy.parse({ minReplicas: 0, maxReplicas: 4, idleMs: 10_000 });
const load = (nowMs: number, more: Partial<Load> = {}): Load => ({
  arrived: 0,
  inFlight: 0,
  waiting: 0,
  ready: 0,
  loading: 0,
  itemMs: 10,
  curve: [],
  heardMs: nowMs,
  shards: 4,
  ...more,
});
const now = (atMs: number) => ({ atMs, wallMs: 1_790_000_000_000 + atMs });

test('an endpoint that nobody asks goes to sleep, stays asleep and wakes for the first who waits', () => {
  const scaler = new EndpointScaler('east', 0);
  expect(scaler.look(load(0), sleepy, undefined, now(0))).toBe(1);
  scaler.changed(0, 1, now(0));
  expect(scaler.look(load(9_000), sleepy, 1, now(9_000))).toBe(1);
  expect(scaler.look(load(10_000), sleepy, 1, now(10_000))).toBe(0);
  scaler.changed(1, 0, now(10_000));
  expect(scaler.look(load(60_000), sleepy, 0, now(60_000))).toBe(0);
  expect(scaler.look(load(60_100, { waiting: 1, arrived: 1 }), sleepy, 0, now(60_100))).toBe(1);
});

test('it says who woke it, what was just decided, and what has no shard', () => {
  const scaler = new EndpointScaler('east', 0);
  scaler.look(load(0), sleepy, 0, now(0));
  expect(scaler.explained).toMatchObject({ wanted: 0, why: 'asleep, and nobody asks' });
  scaler.look(load(1_000, { waiting: 1, arrived: 1 }), sleepy, 0, now(1_000));
  expect(scaler.explained?.why).toMatch(/^called while it slept; /);
  scaler.changed(0, 1, now(1_000));
  expect(scaler.explained?.wanted).toBe(1);
  const pinned = ScalingPolicy.parse({ minReplicas: 0, maxReplicas: 4, pin: 3 });
  scaler.look(load(2_000, { ready: 1, shards: 2 }), pinned, 1, now(2_000));
  expect(scaler.explained?.bounds.at(-1)).toBe('shards that take it: 2');
});

test('a new autoscaler does not wake what sleeps', () => {
  expect(new EndpointScaler('east', 0).look(load(0), sleepy, 0, now(0))).toBe(0);
});

test('nothing changes on stale news', () => {
  const scaler = new EndpointScaler('east', 0);
  scaler.look(load(0), sleepy, 3, now(0));
  expect(scaler.look(load(30_000, { heardMs: 1_000 }), sleepy, 3, now(30_000))).toBe(3);
  expect(scaler.explained).toMatchObject({ mode: 'held' });
  expect(scaler.explained?.why).toContain('29 s');
});

test('it learns how long a start takes from one that it asked for', () => {
  const scaler = new EndpointScaler('east', 0);
  scaler.look(load(0), sleepy, 0, now(0));
  scaler.changed(0, 1, now(0));
  scaler.look(load(2_500, { ready: 1 }), sleepy, 1, now(2_500));
  expect(scaler.explained?.startMs).toBe(1_100);
});

test('the next leader knows the days that the last one saw, and has replicas there before the rise', () => {
  const policy = ScalingPolicy.parse({ minReplicas: 1, maxReplicas: 50 });
  const first = new EndpointScaler('east', 0);
  const perSecond = (minute: number): number => (minute % 1_440 < 720 ? 1 : 40);
  let arrived = 0;
  const busy = (nowMs: number, rate: number) =>
    load(nowMs, { arrived, itemMs: 200, inFlight: Math.round(rate / 5) });
  // A day and a half, by the minute: the quiet half ends ten minutes from now.
  const minutes = 1_440 + 710;
  for (let minute = 0; minute <= minutes; minute++) {
    first.look(busy(minute * 60_000, perSecond(minute)), policy, 1, now(minute * 60_000));
    arrived += 60 * perSecond(minute);
  }
  const kept = first.forecast(now(minutes * 60_000));
  if (!kept) throw new Error('nothing was learned');
  const at = (known: typeof kept | undefined): number => {
    // Another process: its clock and its counters begin at nothing.
    const next = new EndpointScaler('east', 0, known);
    const wall = (ms: number) => ({ atMs: ms, wallMs: now(minutes * 60_000).wallMs + ms });
    arrived = 0;
    let decided = 0;
    for (let minute = 0; minute <= 20; minute++) {
      decided = next.look(busy(minute * 60_000, 1), policy, 1, wall(minute * 60_000));
      arrived += 60;
    }
    expect(decided).toBeGreaterThan(0);
    return next.explained?.parts['predicted'] ?? 0;
  };
  expect(at(kept)).toBeGreaterThan(at(undefined));
});
