import { expect, test } from 'vitest';
import { ScalingPolicy } from '../../../contracts/scaling.js';
import { seededRandom } from '../../mesh/random.js';
import { poissonLoad } from '../testing/loads.js';
import { PolicyScaler } from '../testing/policy-scaler.js';
import { replay } from '../testing/queue-simulator.js';
import { decideReplicas, newScaler, type Observation } from './decide-replicas.js';

const policy = (fields: Partial<ScalingPolicy> = {}) => ScalingPolicy.parse(fields);
const seen = (fields: Partial<Observation> = {}): Observation => ({
  atMs: 250,
  arrived: 0,
  running: 0,
  queued: 0,
  service: { meanMs: 100, cv: 0.5 },
  slots: 1,
  startMs: 500,
  ...fields,
});
const SERVICES = { meanMs: 1_500, cv: 0.7 };
const options = { startMs: 500, slowdownMax: 5, initial: 1 };

test('a constant load gets a number that stays, and hardly anybody is slow', () => {
  const load = poissonLoad(() => 8, 8, SERVICES, 3_600, seededRandom(1));
  const scaler = new PolicyScaler(options.startMs);
  const run = replay(load, scaler, options);
  expect(scaler.last).toMatchObject({ mode: 'steady' });
  expect(run.slow / run.requests).toBeLessThan(0.01);
  expect(run.meanReplicas).toBeLessThan(13);
  expect(run.reversals).toBeLessThan(12);
});

test('bursts get a place for every request and give it back', () => {
  const bursts = (second: number) => (second % 60 < 5 ? 40 : 0.5);
  const load = poissonLoad(bursts, 40, SERVICES, 1_800, seededRandom(2));
  const scaler = new PolicyScaler(options.startMs);
  const run = replay(load, scaler, options);
  expect(scaler.decisions.bursty).toBeGreaterThan(scaler.decisions.steady);
  expect(run.slow / run.requests).toBeLessThan(0.01);
  expect(run.most).toBeGreaterThan(30);
  expect(run.meanReplicas).toBeLessThan(10);
});

test('an endpoint that may sleep sleeps once nobody has asked for its time, and wakes for one request', () => {
  const sleepy = policy({ minReplicas: 0, idleMs: 10_000 });
  let { state, decision } = decideReplicas(newScaler(0), seen({ atMs: 250, arrived: 1, running: 1 }), sleepy);
  expect(decision.desired).toBe(1);
  ({ state, decision } = decideReplicas(state, seen({ atMs: 10_000, arrived: 1 }), sleepy));
  expect(decision.desired).toBeGreaterThan(0);
  ({ state, decision } = decideReplicas(state, seen({ atMs: 700_000, arrived: 1 }), sleepy));
  expect(decision).toMatchObject({ desired: 0, mode: 'idle' });
  ({ decision } = decideReplicas(state, seen({ atMs: 700_250, arrived: 2, queued: 1 }), sleepy));
  expect(decision.desired).toBeGreaterThan(0);
});

test('a lone call of a slow model that slept is served by one replica, calls that go on get theirs within seconds', () => {
  const sleepy = policy({ minReplicas: 0 });
  const service = { meanMs: 2_000, cv: 0.5 };
  const most = (perS: number): number => {
    let state = newScaler(0, 1);
    return Math.max(
      ...Array.from({ length: 20 }, (_, look) => {
        const atMs = 250 * (look + 1);
        // For a moment the first one waits and is served.
        const arrived = 2 + Math.floor((atMs * perS) / 1_000);
        const step = decideReplicas(state, seen({ atMs, arrived, running: 1, service }), sleepy);
        state = step.state;
        return step.decision.desired;
      }),
    );
  };
  expect(most(0)).toBe(1);
  expect(most(4)).toBeGreaterThan(8);
});

test('the bounds have the last word and say so', () => {
  const flood = seen({ arrived: 500, running: 1, queued: 499 });
  expect(decideReplicas(newScaler(0), flood, policy({ maxReplicas: 4 })).decision).toMatchObject({
    desired: 4,
    why: expect.stringContaining('the maximum is 4') as string,
  });
  expect(decideReplicas(newScaler(0), seen(), policy({ minReplicas: 3 })).decision).toMatchObject({
    desired: 3,
    why: expect.stringContaining('the minimum is 3') as string,
  });
});

test('replicas that serve several at once are fewer', () => {
  const flood = seen({ arrived: 64, running: 8, queued: 56 });
  const wish = (slots: number) =>
    decideReplicas(newScaler(0), { ...flood, slots }, policy()).decision.desired;
  expect(wish(8)).toBe(wish(1) / 8);
});

test('a counter that starts again counts as nothing new', () => {
  let { state } = decideReplicas(newScaler(0), seen({ atMs: 1_000, arrived: 1_000 }), policy());
  ({ state } = decideReplicas(state, seen({ atMs: 2_000, arrived: 0 }), policy()));
  expect(state.arrivals.counts).toEqual([1_000, 0]);
});

test('bounds that cross are refused with a sentence', () => {
  const read = ScalingPolicy.safeParse({ minReplicas: 5, maxReplicas: 2 });
  expect(read.error?.issues[0]?.message).toContain('minReplicas is above maxReplicas');
  expect(ScalingPolicy.safeParse({ slowdownMax: 0 }).success).toBe(false);
});
