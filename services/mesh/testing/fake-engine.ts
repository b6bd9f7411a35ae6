// A replica that speaks the engine's side of the bus without a model: it answers its run subject with what it was sent, and says
// in heartbeats that it is there. Turn it: slowBy, failWith, answerWith, muteAnswers, vanish.
import { connect, headers as natsHeaders, type Msg, type NatsConnection } from '@nats-io/transport-node';
import type { Body } from '../../../contracts/body-tensors.js';
import { type ErrorCode, ERRORS, failure } from '../../../contracts/errors.js';
import { headers } from '../../../contracts/headers.js';
import type { Heartbeat, ReplicaState } from '../../../contracts/heartbeat.js';
import { replicaId } from '../../../contracts/names.js';
import { OUTCOMES_TOKEN, type Outcomes } from '../../../contracts/outcome.js';
import { queues, subjects } from '../../../contracts/subjects.js';
import { errorReply } from '../error-reply.js';

export interface FakeEngineOptions {
  readonly url: string;
  readonly region: string;
  readonly shard: string;
  readonly version: string;
  /** How many requests it says it takes at a time. */
  readonly capacity?: number;
}

export class FakeEngine {
  readonly id: string;
  /** Requests that came, with their headers. */
  readonly received: Map<string, string>[] = [];
  inFlight = 0;
  /** Requests it was asked to forget; it goes on with them all the same. */
  cancelled = 0;
  private state: ReplicaState = 'ready';
  private epoch = 1;
  private seq = 0;
  private pid = 1_000;
  private delayMs = 0;
  private failing: ErrorCode | undefined;
  private mute = false;
  private made: ((bytes: Uint8Array, jsonLength: number | undefined) => Body) | undefined;
  private readonly timers = new Set<NodeJS.Timeout>();

  private constructor(
    private readonly nc: NatsConnection,
    private readonly options: FakeEngineOptions,
  ) {
    this.id = replicaId(options.shard, options.version);
  }

  static async start(options: FakeEngineOptions): Promise<FakeEngine> {
    const nc = await connect({
      servers: options.url,
      name: options.shard,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 50,
    });
    const engine = new FakeEngine(nc, options);
    engine.listen();
    await nc.flush();
    engine.beat();
    engine.timers.add(setInterval(() => engine.beat(), 200));
    return engine;
  }

  slowBy(ms: number): void {
    this.delayMs = ms;
  }

  /** Undefined: well again. */
  failWith(code: ErrorCode | undefined): void {
    this.failing = code;
  }

  /** What it says instead of what it was sent. */
  answerWith(made: (bytes: Uint8Array, jsonLength: number | undefined) => Body): void {
    this.made = made;
  }

  /** Takes requests and says nothing, as a frozen process does. */
  muteAnswers(mute = true): void {
    this.mute = mute;
  }

  become(state: ReplicaState): void {
    this.state = state;
    this.beat();
  }

  /** Another engine process takes the replica over: what this one held is gone. */
  replaceEngine(): void {
    this.epoch++;
    this.mute = false;
    this.beat();
  }

  /** Gone without a goodbye: no answers, no heartbeats, nobody on the subject. */
  async vanish(): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    if (!this.nc.isClosed()) await this.nc.close();
  }

  beat(): void {
    const beat: Heartbeat = {
      shard: this.options.shard,
      region: this.options.region,
      pid: this.pid,
      seq: ++this.seq,
      state: 'ready',
      device: { kind: 'cpu', cores: 1, memoryBytes: 1 },
      engines: [],
      replicas: [
        {
          id: this.id,
          model: 'echo',
          version: this.options.version,
          state: this.state,
          inFlight: this.inFlight,
          capacity: this.options.capacity ?? 1_000,
          latencyMs: 1 + this.delayMs,
          batchMax: 1,
          served: this.received.length,
          failed: 0,
          epoch: this.epoch,
        },
      ],
    };
    if (!this.nc.isClosed())
      this.nc.publish(subjects.heartbeat(this.options.region, this.options.shard), JSON.stringify(beat));
  }

  private listen(): void {
    this.nc.subscribe(subjects.run(this.id), {
      queue: queues.replica,
      callback: (error, message) => {
        if (!error) this.take(message);
      },
    });
    this.nc.subscribe(subjects.cancel(this.id), { callback: () => void this.cancelled++ });
  }

  private take(message: Msg): void {
    const given = new Map([...(message.headers ?? [])].map(([key, [value = '']]) => [key, value]));
    this.received.push(given);
    this.inFlight++;
    if (this.mute) return;
    if (this.delayMs === 0) this.answer(message, given);
    else {
      const timer = setTimeout(() => this.answer(message, given), this.delayMs);
      this.timers.add(timer);
    }
  }

  private answer(message: Msg, given: Map<string, string>): void {
    this.inFlight--;
    if (this.nc.isClosed()) return;
    const reply = this.failing
      ? errorReply(failure(this.failing, `${this.id} was told to fail.`))
      : undefined;
    const written = reply?.headers ?? natsHeaders();
    written.set(headers.replica, this.id);
    if (!reply)
      for (const key of [headers.requestId, headers.jsonLength]) {
        const value = given.get(key);
        if (value !== undefined) written.set(key, value);
      }
    const length = given.get(headers.jsonLength);
    const made = reply
      ? undefined
      : this.made?.(message.data, length === undefined ? undefined : Number(length));
    if (made?.jsonLength !== undefined) written.set(headers.jsonLength, String(made.jsonLength));
    const data = reply?.data ?? made?.bytes ?? message.data;
    const caller = given.get(headers.reply);
    // Behind a router the answer takes the short way home, and only what another replica may make good stays with the router.
    if (caller === undefined || (this.failing && ERRORS[this.failing].retryable)) {
      message.respond(data, { headers: written });
      return;
    }
    this.nc.publish(caller, data, { headers: written });
    const [, prefix = '', token = ''] = /^(.*)\.([^.]*)$/.exec(message.reply ?? '') ?? [];
    const http = this.failing ? ERRORS[this.failing].http : 200;
    const outcomes: Outcomes = { replica: this.id, inFlight: this.inFlight, done: [[token, http, 100]] };
    this.nc.publish(`${prefix}.${OUTCOMES_TOKEN}`, JSON.stringify(outcomes));
  }
}
