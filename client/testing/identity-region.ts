// What answers in one region in tests of the client: a catalog on the given NATS server, and a router and an engine that give back
// what they were sent, in the protocol's own form. Turn it: muteRouter, failRouter.
import {
  connect,
  headers as natsHeaders,
  type Msg,
  type NatsConnection,
  type Subscription,
} from '@nats-io/transport-node';
import { buckets, keys } from '../../contracts/buckets.js';
import { type Failure } from '../../contracts/errors.js';
import { headers } from '../../contracts/headers.js';
import type { Heartbeat } from '../../contracts/heartbeat.js';
import { decodeInferRequest, encodeInferResponse } from '../../contracts/infer-body.js';
import { replicaId } from '../../contracts/names.js';
import type { EndpointRecord } from '../../contracts/registry.js';
import { queues, subjects, wildcards } from '../../contracts/subjects.js';
import { type Bus, connectBus } from '../../services/mesh/bus.js';
import { systemClock } from '../../services/mesh/clock.js';
import { errorReply } from '../../services/mesh/error-reply.js';

const VERSION = 'b'.repeat(64);
const BEAT_MS = 200;

export const identityEndpoint: EndpointRecord = {
  name: 'identity',
  model: 'identity',
  variants: [{ version: VERSION, label: 'v1', weight: 10_000 }],
  salt: 'identity-1',
  assignment: 'request',
  replicasPerRegion: 1,
  timeoutMs: 2_000,
  updatedAt: '2026-01-01T00:00:00Z',
};

export class IdentityRegion implements AsyncDisposable {
  /** Requests that came to router and engine, by their headers. */
  readonly toRouter: Map<string, string>[] = [];
  readonly toEngine: Map<string, string>[] = [];
  private router: Subscription | undefined;
  private mute = false;
  private failing: Failure | undefined;
  private seq = 0;
  private stopBeat: () => void = () => undefined;

  static async start(region: string, url: string): Promise<IdentityRegion> {
    const bus = await connectBus({ url, name: 'catalog' });
    const catalog = await bus.kv(buckets.catalog(region), { create: {} });
    await catalog.put(keys.endpoint('identity'), JSON.stringify(identityEndpoint));
    const nc = await connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
    const started = new IdentityRegion(region, bus, nc);
    started.listen();
    await nc.flush();
    return started;
  }

  private constructor(
    readonly region: string,
    private readonly bus: Bus,
    readonly nc: NatsConnection,
  ) {}

  /** The router takes requests and says nothing, as one does that was killed with them in its hands. */
  muteRouter(mute = true): void {
    this.mute = mute;
  }

  /** Nobody listens any more, as after a router's end. */
  stopRouter(): void {
    this.router?.unsubscribe();
  }

  startRouter(): void {
    this.router = this.nc.subscribe(wildcards.infer(), {
      queue: queues.router,
      callback: (_, message) => {
        this.toRouter.push(headersOf(message));
        if (this.mute) return;
        if (!this.failing) return this.answer(message);
        const { data, headers: written } = errorReply(this.failing);
        message.respond(data, { headers: written });
      },
    });
  }

  failRouter(reason: Failure | undefined): void {
    this.failing = reason;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stopBeat();
    await this.nc.close();
    await this.bus.drain();
  }

  private get replica(): string {
    return replicaId(`shard-${this.region}`, VERSION);
  }

  private listen(): void {
    this.startRouter();
    this.nc.subscribe(subjects.run(this.replica), {
      queue: queues.replica,
      callback: (_, message) => {
        this.toEngine.push(headersOf(message));
        this.answer(message);
      },
    });
    this.beat();
    this.stopBeat = systemClock.every(BEAT_MS, () => this.beat());
  }

  private answer(message: Msg): void {
    const jsonLength = message.headers?.get(headers.jsonLength);
    const request = decodeInferRequest(message.data, jsonLength ? Number(jsonLength) : undefined);
    const outputs = request.inputs.filter(
      ({ name }) => !request.outputs || request.outputs.some((wanted) => wanted.name === name),
    );
    const body = encodeInferResponse({ modelName: 'identity', modelVersion: 'v1', outputs }, request);
    const written = natsHeaders();
    written.set(headers.replica, this.replica);
    if (body.jsonLength !== undefined) written.set(headers.jsonLength, String(body.jsonLength));
    message.respond(body.bytes, { headers: written });
  }

  private beat(): void {
    const shard = `shard-${this.region}`;
    const replica = { id: this.replica, model: 'identity', version: VERSION, state: 'ready' as const };
    const load = { inFlight: 0, capacity: 100, latencyMs: 1, batchMax: 1, served: 0, failed: 0, epoch: 1 };
    const beat: Heartbeat = {
      shard,
      region: this.region,
      pid: 1,
      seq: ++this.seq,
      state: 'ready',
      device: { kind: 'cpu', cores: 1, memoryBytes: 1 },
      engines: [],
      replicas: [{ ...replica, ...load }],
    };
    this.nc.publish(subjects.heartbeat(this.region, shard), JSON.stringify(beat));
  }
}

const headersOf = (message: Msg): Map<string, string> =>
  new Map([...(message.headers ?? [])].map(([key, [value = '']]) => [key, value]));
