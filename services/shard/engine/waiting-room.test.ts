import { expect, test } from 'vitest';
import type { Failure } from '../../../contracts/errors.js';
import { waiting } from '../testing/waiting.js';
import { Counts } from './counts.js';
import type { Decoded, Ready, Waiting } from './request-queue.js';
import { Scheduler } from './scheduler.js';
import { WaitingRoom } from './waiting-room.js';

const CAPACITY = 160;
const RUN_MS = 12;
const decoded: Decoded = {
  request: { parameters: {}, inputs: [], binaryOutput: true },
  inputs: [],
  rows: 0,
  key: '',
  items: 0,
};

/** A replica of one request a run, which takes RUN_MS, on a clock of its own. */
class Served {
  readonly refused: { readonly name: string; readonly error: Failure }[] = [];
  readonly room: WaitingRoom;
  nowMs = 10_000;
  private running: Ready[] = [];
  private readonly scheduler: Scheduler;

  constructor() {
    this.scheduler = new Scheduler({
      id: 'r',
      points: [{ rows: 1, runMs: RUN_MS }],
      rowItems: 1,
      rowsMax: 1,
      decode: () => decoded,
      letGo: () => undefined,
    });
    this.room = new WaitingRoom({
      id: 'r',
      capacity: CAPACITY,
      scheduler: this.scheduler,
      counts: new Counts(),
      inFlight: () => this.scheduler.queue.length + this.running.length,
      letGo: ({ to }, _why, error) => this.refused.push({ name: to.requestId, error }),
    });
  }

  come(name: string, change: (request: Waiting) => void = () => undefined): void {
    const request = waiting(name, this.nowMs, 0, 5_000);
    change(request);
    if (this.room.admits(request)) this.room.entered(request);
  }

  run(): string {
    this.running = this.scheduler.next(this.nowMs);
    this.room.begun(this.running, this.nowMs);
    this.nowMs += RUN_MS;
    return this.running.map(({ to }) => to.requestId).join();
  }
}

test('when a queue stands and grows, the youngest of what waits beyond the limit is handed back with a hint', () => {
  const replica = new Served();
  for (let run = 0; replica.room.requests === CAPACITY && run < 20; run++) {
    for (const nth of ['a', 'b', 'c']) replica.come(`${run}${nth}`);
    replica.run();
  }
  expect(replica.room.requests).toBe(2);
  const [first] = replica.refused;
  expect(first?.error).toMatchObject({ code: 'MAILBOX_FULL', retryable: true });
  expect(first?.error.retryAfterMs).toBeGreaterThan(RUN_MS);
  const names = replica.refused.map(({ name }) => name);
  expect(names).toEqual(names.toSorted().reverse());
  expect(replica.run()).not.toBe('');
  expect(replica.run()).toBe('');
});

test('a burst that is over is served to its end', () => {
  const replica = new Served();
  for (let i = 0; i < 120; i++) replica.come(String(i));
  for (let run = 0; run < 120; run++) expect(replica.run()).toBe(String(run));
  expect(replica.refused).toEqual([]);
});

test('who comes from another step of a pipeline is not handed back, nor refused below the capacity', () => {
  const replica = new Served();
  const later = (request: Waiting) => Object.assign(request.headers, { plan: '{}', step: 1 });
  for (let run = 0; replica.room.requests === CAPACITY && run < 20; run++)
    for (const nth of ['a', 'b', 'c']) {
      replica.come(`${run}${nth}`, later);
      if (nth === 'c') replica.run();
    }
  expect(replica.room.requests).toBe(2);
  replica.come('next', later);
  expect(replica.refused).toEqual([]);
});
