import { expect, test } from 'vitest';
import type { Heartbeat } from '../contracts/heartbeat.js';
import { FakeClock } from '../services/mesh/testing/fake-clock.js';
import { picture } from './commands/top.js';
import { ShardBeats } from './shard-beats.js';

const version = 'c'.repeat(64);
const beat = (seq: number, served: number, more: Partial<Heartbeat> = {}): Heartbeat => {
  const load = { inFlight: 2, capacity: 8, latencyMs: 1.25, batchMax: 1, served, failed: 0, epoch: 1 };
  return {
    shard: 'shard-east-1',
    region: 'east',
    pid: 1,
    seq,
    state: 'ready',
    device: { kind: 'cpu', cores: 2, memoryBytes: 1 },
    engines: [{ pid: 2, state: 'ready', rssBytes: 85_000_000, replicas: ['r1'] }],
    replicas: [{ id: 'r1', model: 'ocr', version, state: 'ready', ...load }],
    ...more,
  };
};

test('the rate of a replica is what it served between two beats; a beat that comes twice counts once', async () => {
  const clock = new FakeClock();
  const beats = new ShardBeats(clock);
  beats.hear(beat(1, 100));
  await clock.advance(500);
  beats.hear(beat(2, 150));
  beats.hear(beat(2, 150));
  expect(beats.all()[0]?.ratePerS.get('r1')).toBe(100);
});

test('what is told between two beats shows at once and leaves the rates as they are', async () => {
  const clock = new FakeClock();
  const beats = new ShardBeats(clock);
  beats.hear(beat(1, 100));
  await clock.advance(500);
  beats.hear(beat(2, 150));
  await clock.advance(50);
  beats.hear(beat(3, 150, { state: 'draining' }));
  expect(beats.all()[0]?.beat.state).toBe('draining');
  expect(beats.all()[0]?.ratePerS.get('r1')).toBe(100);
  await clock.advance(450);
  beats.hear(beat(4, 175));
  expect(beats.all()[0]?.ratePerS.get('r1')).toBe(50);
});

test('another life of the shard begins its counts anew', async () => {
  const clock = new FakeClock();
  const beats = new ShardBeats(clock);
  beats.hear(beat(9, 1_000));
  await clock.advance(500);
  beats.hear(beat(1, 3, { pid: 7 }));
  expect(beats.all()).toHaveLength(1);
  expect(beats.all()[0]?.ratePerS.get('r1')).toBeUndefined();
});

test('the picture says who is silent, and a shard silent for long is forgotten', async () => {
  const clock = new FakeClock();
  const beats = new ShardBeats(clock);
  beats.hear(beat(1, 0));
  const draw = () => picture(beats.all(), [], clock.monotonicMs());
  expect(draw()).toMatch(/ocr c{12} +east +shard-east-1 +ready +2 +8 +1\.3/);
  await clock.advance(2_000);
  expect(draw()).toMatch(/SILENT/);
  await clock.advance(60_000);
  expect(beats.all()).toEqual([]);
});
