import { expect, test } from 'vitest';
import { ERRORS, failure, type Failure } from '../../contracts/errors.js';
import type { EndpointRecord } from '../../contracts/registry.js';
import { Breakers } from '../mesh/breaker.js';
import { murmur3 } from '../mesh/murmur3.js';
import { seededRandom } from '../mesh/random.js';
import { type Flight, ReplicaEntry, type Trip } from '../mesh/routing/replica-entry.js';
import { HEDGES, RetryBudget } from '../mesh/retry-budget.js';
import { route, type RouteRequest } from '../mesh/routing/route.js';
import { FakeClock } from '../mesh/testing/fake-clock.js';
import { waitUntil } from '../mesh/testing/wait-until.js';
import type { Call, Wire } from './call.js';
import { Forwarder, type ForwarderParts } from './forwarder.js';

const VERSION = 'a'.repeat(64);
const endpoint: EndpointRecord = {
  name: 'echo',
  model: 'echo',
  variants: [{ version: VERSION, label: '1.0', weight: 10_000 }],
  salt: 'salt',
  assignment: 'request',
  replicasPerRegion: 1,
  timeoutMs: 2_000,
  updatedAt: '2026-01-01T00:00:00Z',
};

/** A forwarder among replicas that do nothing by themselves: the test says what comes back. */
class Lab implements Wire {
  readonly clock = new FakeClock();
  readonly sent: { replica: string; token: string; leftMs: number }[] = [];
  readonly refused: string[] = [];
  readonly ended: number[] = [];
  readonly more: string[] = [];
  readonly calledOff: string[] = [];
  readonly flights: Flight[] = [];
  readonly budget: RetryBudget;
  readonly replicas: ReplicaEntry[];
  readonly forwarder: Forwarder;
  connected = true;

  constructor(ids: readonly string[], more: Partial<ForwarderParts> = {}) {
    const breakers = new Breakers(this.clock, seededRandom(1));
    this.replicas = ids.map((id) => {
      const replica = new ReplicaEntry(id, id, 'east', VERSION, murmur3(id), breakers);
      const report = {
        id,
        model: 'echo',
        version: VERSION,
        state: 'ready',
        inFlight: 0,
        capacity: 9,
        latencyMs: 10,
        batchMax: 1,
        served: 0,
        failed: 0,
        epoch: 1,
      } as const;
      replica.report(report, true, 0);
      replica.link = 0;
      return replica;
    });
    const random = seededRandom(1);
    const table = {
      region: 'east',
      endpoint: (name: string) => (name === 'echo' ? endpoint : undefined),
      replicas: () => this.replicas,
    };
    this.budget = more.budget ?? new RetryBudget(this.clock);
    this.forwarder = new Forwarder({
      hedges: new RetryBudget(this.clock, HEDGES),
      view: {
        endpoint: table.endpoint,
        route: (request: RouteRequest) => route(table, request, random),
        linkFor: () => (this.connected ? 0 : -1),
        timeoutMs: (name: string) => table.endpoint(name)?.timeoutMs,
        keepsState: () => false,
        seated: () => undefined,
        setOut: ({ replica: { id } }, link, onLost) => {
          const replica = this.replicas.find((candidate) => candidate.id === id);
          const flight = replica?.begin(link, this.clock.monotonicMs(), () => onLost(0));
          if (flight) this.flights.push(flight);
          return flight ?? { blocked: id };
        },
      },
      wire: this,
      clock: this.clock,
      random,
      budget: this.budget,
      attemptsMax: 4,
      ...more,
    });
  }

  ask(timeoutMs?: number): void {
    const head = {
      requestId: undefined,
      timeoutMs,
      user: undefined,
      priority: 0,
      traceparent: undefined,
      jsonLength: undefined,
      sequence: undefined,
      body: undefined,
      takesLarge: undefined,
      uncached: false,
    };
    this.forwarder.accept({
      endpoint: 'echo',
      version: undefined,
      head,
      requestId: 'r',
      replyTo: '_INBOX.c',
      body: new Uint8Array(10),
    });
  }

  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 5) {
      await this.clock.advance(5);
      this.forwarder.sweep();
    }
  }

  last(): { replica: string; token: string; leftMs: number } {
    const last = this.sent.at(-1);
    if (!last) throw new Error('nothing was sent');
    return last;
  }

  forward(_: Call, { replica }: Trip, token: string, leftMs: number): void {
    this.sent.push({ replica: replica.id, token, leftMs });
  }

  refuse(_: Call, reason: Failure): void {
    this.refused.push(reason.code);
  }

  again(_: Call, kind: string): void {
    this.more.push(kind);
  }

  cancel(replica: string): void {
    this.calledOff.push(replica);
  }

  over(_: Call, http: number): void {
    this.ended.push(http);
  }

  /** Nothing is held, counted or open any more. */
  clean(): boolean {
    return (
      !this.forwarder.busy &&
      this.forwarder.held.calls === 0 &&
      this.forwarder.held.bytes === 0 &&
      this.flights.every((flight) => flight.over) &&
      this.replicas.every((replica) => replica.inFlight === 0)
    );
  }
}

const lost = failure('ENGINE_FAILED', 'gone');

test('an outcome ends the call and everything that was open of it', () => {
  const lab = new Lab(['a', 'b']);
  lab.ask();
  expect(lab.clean()).toBe(false);
  lab.forwarder.outcomes([[lab.last().token, 200, 40]]);
  expect(lab.ended).toEqual([200]);
  expect(lab.clean()).toBe(true);
});

test('outcomes of nobody, or said twice, change nothing', () => {
  const lab = new Lab(['a']);
  lab.ask();
  const { token } = lab.last();
  lab.forwarder.outcomes([
    ['77', 200, 1],
    ['', 200, 1],
    [token, 200, 1],
    [token, 500, 1],
  ]);
  lab.forwarder.failed(token, lost);
  expect(lab.ended).toEqual([200]);
});

test('a silent replica is late after a while; another is asked with what is left, and the first to answer counts', async () => {
  const lab = new Lab(['a', 'b']);
  lab.ask();
  const first = lab.last();
  await lab.pass(600);
  const second = lab.last();
  expect(second.replica).not.toBe(first.replica);
  expect(second.leftMs).toBeLessThan(2_000);
  lab.forwarder.outcomes([[first.token, 200, 40]]);
  expect(lab.ended).toEqual([200]);
  // The other is called off: no outcome need come of it, and none does harm.
  expect(lab.calledOff).toEqual([second.replica]);
  expect(lab.clean()).toBe(true);
  lab.forwarder.outcomes([[second.token, 200, 40]]);
  expect(lab.ended).toEqual([200]);
  expect(lab.clean()).toBe(true);
});

test('silence everywhere ends with the deadline, once, and with every flight', async () => {
  const lab = new Lab(['a', 'b']);
  lab.ask(700);
  await lab.pass(700);
  expect(lab.refused).toEqual(['DEADLINE']);
  expect(lab.clean()).toBe(true);
});

test('with one replica it is asked again after a while, and its late answer still counts', async () => {
  const lab = new Lab(['a']);
  lab.ask();
  await lab.pass(700);
  const [first, second] = lab.sent;
  expect(second?.replica).toBe('a');
  lab.forwarder.outcomes([[first?.token ?? '', 200, 40]]);
  expect(lab.ended).toEqual([200]);
});

test('failures are followed up at once as often as allowed, then the last one goes home', () => {
  const lab = new Lab(['a', 'b', 'c', 'd', 'e']);
  lab.ask();
  for (let i = 0; i < 4; i++) lab.forwarder.failed(lab.last().token, lost);
  expect(new Set(lab.sent.map(({ replica }) => replica)).size).toBe(4);
  expect(lab.refused).toEqual(['ENGINE_FAILED']);
  expect(lab.more).toEqual(['retry', 'retry', 'retry']);
  expect(lab.clean()).toBe(true);
});

test('when the retry budget is used up a failure goes home; what retries borrowed is given back', () => {
  const clock = new FakeClock();
  const budget = new RetryBudget(clock, { perRequest: 0, perSecond: 0, floor: 1 });
  const lab = new Lab(['a', 'b', 'c'], { budget });
  lab.ask();
  lab.forwarder.failed(lab.last().token, lost);
  expect(lab.sent.length).toBe(2);
  lab.ask();
  lab.forwarder.failed(lab.last().token, lost);
  expect(lab.refused).toEqual(['ENGINE_FAILED']);
  // The one retry under way ends, and the next call may try again.
  lab.forwarder.outcomes([[lab.sent[1]?.token ?? '', 200, 1]]);
  lab.ask();
  lab.forwarder.failed(lab.last().token, lost);
  expect(lab.refused).toEqual(['ENGINE_FAILED']);
  lab.forwarder.outcomes([[lab.last().token, 200, 1]]);
  expect(lab.clean()).toBe(true);
});

test('a full replica is not blamed', () => {
  const lab = new Lab(['a', 'b']);
  lab.ask();
  const { token, replica } = lab.last();
  lab.forwarder.failed(token, failure('MAILBOX_FULL', 'full'));
  expect(lab.replicas.find(({ id }) => id === replica)?.penalty).toBe(0);
  expect(lab.sent.length).toBe(2);
});

test('with nobody ready a call waits a moment, goes out when somebody comes, and is told else', async () => {
  const lab = new Lab(['a']);
  const [a] = lab.replicas;
  if (a) a.ready = false;
  lab.ask();
  lab.ask();
  expect([lab.sent.length, lab.refused.length]).toEqual([0, 0]);
  if (a) a.ready = true;
  lab.forwarder.wakeAll();
  expect(lab.sent.length).toBe(2);
  for (const { token } of lab.sent) lab.forwarder.outcomes([[token, 200, 1]]);
  if (a) a.ready = false;
  lab.ask();
  await lab.pass(1_000);
  expect(lab.refused).toEqual(['NOT_READY']);
  expect(lab.clean()).toBe(true);
});

test('a breaker that shut on the only replica loses nobody who said that he waits until it is probed', async () => {
  const lab = new Lab(['a']);
  for (let i = 0; i < 20; i++) lab.replicas[0]?.begin(0, 0, () => undefined)?.end('failed', 0);
  await waitUntil('the breaker is shut', () => lab.replicas[0]?.blocked === true);
  lab.ask();
  lab.ask(5_000);
  await lab.pass(1_000);
  // NATS clients wait for a second where they say nothing.
  expect([lab.refused, lab.sent.length]).toEqual([['BREAKER_OPEN'], 0]);
  await waitUntil('the breaker lets its probe through', () => lab.replicas[0]?.blocked === false);
  await lab.pass(1_000);
  expect(lab.sent.length).toBe(1);
  lab.forwarder.outcomes([[lab.last().token, 200, 40]]);
  expect([lab.refused, lab.clean()]).toEqual([['BREAKER_OPEN'], true]);
});

test('without a connection a call waits for it', () => {
  const lab = new Lab(['a']);
  lab.connected = false;
  lab.ask();
  expect(lab.sent.length).toBe(0);
  lab.connected = true;
  lab.forwarder.wakeAll();
  expect(lab.sent.length).toBe(1);
});

test('a replica that is lost with the call in hand is followed by another at once, without blame', () => {
  const lab = new Lab(['a', 'b']);
  lab.ask();
  const { replica } = lab.last();
  const entry = lab.replicas.find(({ id }) => id === replica);
  entry?.lose(~0);
  expect(lab.sent.length).toBe(2);
  expect(lab.last().replica).not.toBe(replica);
  expect(entry?.penalty).toBe(0);
});

test('time in which the router itself was held up is nobody else’s fault', async () => {
  const lab = new Lab(['a', 'b']);
  lab.ask();
  await lab.clock.advance(1_000);
  lab.forwarder.forgive(1_000);
  lab.forwarder.sweep();
  expect(lab.sent.length).toBe(1);
});

test('who leaves tells everybody who is still there', () => {
  const lab = new Lab(['a']);
  lab.ask();
  lab.forwarder.abandon();
  expect(lab.refused).toEqual(['UNAVAILABLE']);
  expect(lab.ended).toEqual([ERRORS.UNAVAILABLE.http]);
  expect(lab.clean()).toBe(true);
});
