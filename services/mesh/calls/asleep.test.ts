// Calls of an endpoint that sleeps: they wait in a room with an end, and are answered when it wakes.
import { expect, test } from 'vitest';
import { ScalingPolicy } from '../../../contracts/scaling.js';
import type { EndpointRecord } from '../../../contracts/registry.js';
import type { Failure } from '../../../contracts/errors.js';
import { Breakers } from '../breaker.js';
import type { Carrier, CourseParts, CourseRequest } from './call-carrier.js';
import { Course } from './call-course.js';
import { ROUTER_RULES } from './call-rules.js';
import { HedgeDelays } from './hedge-delay.js';
import { murmur3 } from '../murmur3.js';
import { seededRandom } from '../random.js';
import { ReplicaEntry } from '../routing/replica-entry.js';
import { HEDGES, RetryBudget } from '../retry-budget.js';
import { route } from '../routing/route.js';
import { FakeClock } from '../testing/fake-clock.js';
import { WaitingRoom } from './waiting-room.js';

const VERSION = 'a'.repeat(64);
const endpoint: EndpointRecord = {
  name: 'sleeper',
  model: 'sleeper',
  variants: [{ version: VERSION, label: '1', weight: 10_000 }],
  salt: 'salt',
  assignment: 'request',
  replicasPerRegion: 1,
  scaling: ScalingPolicy.parse({ minReplicas: 0 }),
  timeoutMs: 5_000,
  updatedAt: '2026-01-01T00:00:00Z',
};

/** Replicas come when the test says so; the wire only remembers. */
class Lab {
  readonly clock = new FakeClock();
  readonly random = seededRandom(1);
  readonly replicas: ReplicaEntry[] = [];
  readonly sent: Course[] = [];
  readonly ends: (Failure | undefined)[] = [];
  readonly courses: Course[] = [];
  readonly room = new WaitingRoom([], 'east', this.clock, 2);

  async wakeUp(limit: number): Promise<void> {
    const replica = new ReplicaEntry(
      'r1',
      's1',
      'east',
      VERSION,
      murmur3('s1'),
      new Breakers(this.clock, this.random),
    );
    const report = {
      id: 'r1',
      model: 'sleeper',
      version: VERSION,
      state: 'ready',
      inFlight: 0,
      capacity: limit,
      limit,
      latencyMs: 10,
      batchMax: 1,
      served: 0,
      failed: 0,
      epoch: 1,
    } as const;
    replica.report(report, true, 0);
    replica.link = 0;
    this.replicas.push(replica);
    await this.turn();
  }

  async turn(ms = 600): Promise<void> {
    await this.clock.advance(ms);
    for (const course of this.courses) course.wake(this.clock.monotonicMs());
  }

  call(more: Partial<CourseRequest> = {}): Course {
    const { clock, random, room } = this;
    const table = { region: 'east', endpoint: () => endpoint, replicas: () => this.replicas };
    const parts: CourseParts = {
      view: {
        loaded: true,
        route: (request) => route(table, request, random),
        linkFor: () => 0,
        seated: () => undefined,
        setOut: ({ replica: { id } }, link, onLost) =>
          this.replicas.find((one) => one.id === id)?.begin(link, clock.monotonicMs(), () => onLost(0)) ?? {
            blocked: id,
          },
      },
      rules: ROUTER_RULES,
      budget: new RetryBudget(clock),
      hedges: new RetryBudget(clock, HEDGES),
      delays: new HedgeDelays(),
      random,
      nowMs: () => clock.monotonicMs(),
      evidence: undefined,
      waiting: room,
    };
    const request: CourseRequest = {
      endpoint: 'sleeper',
      version: undefined,
      user: undefined,
      tenant: undefined,
      headers: undefined,
      priority: undefined,
      sequence: undefined,
      hedging: undefined,
      timeoutMs: 5_000,
      bytesToFetch: 0,
      ...more,
    };
    const carrier: Carrier = {
      send: () => void this.sent.push(course),
      callOff: () => undefined,
      close: () => undefined,
      over: (why) => void this.ends.push(why),
    };
    const course = new Course(parts, request, carrier, clock.monotonicMs());
    this.courses.push(course);
    course.begin();
    return course;
  }
}

test('a call of a sleeping endpoint waits, far longer than for a lost replica, and goes out when there is one', async () => {
  const lab = new Lab();
  const course = lab.call();
  for (let i = 0; i < 5; i++) await lab.turn();
  expect([course.state, lab.sent.length, lab.room.of('sleeper')]).toEqual(['waiting', 0, 1]);
  await lab.wakeUp(8);
  expect([lab.sent.length, lab.room.of('sleeper'), lab.ends.length]).toEqual([1, 0, 0]);
});

test('the room has an end: who finds it full is told so at once', () => {
  const lab = new Lab();
  for (let i = 0; i < 3; i++) lab.call();
  expect(lab.ends.map((why) => why?.code)).toEqual(['MAILBOX_FULL']);
  expect(lab.room.of('sleeper')).toBe(2);
});

test('who asks to fail fast does not wait', () => {
  const lab = new Lab();
  lab.call({ failFast: true });
  expect(lab.ends.map((why) => why?.code)).toEqual(['NOT_READY']);
  expect(lab.room.of('sleeper')).toBe(0);
});

test('its deadline ends the wait, and leaves the room empty', async () => {
  const lab = new Lab();
  lab.call({ timeoutMs: 1_000 });
  await lab.turn();
  expect(lab.ends).toEqual([]);
  await lab.turn();
  expect(lab.ends).toHaveLength(1);
  expect(lab.room.of('sleeper')).toBe(0);
});

test('two that waited for a replica with room for one are both sent, one after the other', async () => {
  const lab = new Lab();
  lab.call();
  lab.call();
  await lab.wakeUp(1);
  expect([lab.sent.length, lab.ends.length]).toEqual([1, 0]);
  const [first] = lab.sent;
  const [attempt] = first?.attempts ?? [];
  if (first && attempt) first.answered(attempt, 'succeeded', 'r1', lab.clock.monotonicMs());
  await lab.turn();
  expect(lab.sent).toHaveLength(2);
  expect(lab.ends).toEqual([undefined]);
});
