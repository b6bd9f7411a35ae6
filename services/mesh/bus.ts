// The connection to NATS that a process has: settings that survive restarts of the server, JSON requests with coded failures,
// and buckets. Everything that talks does it through a Bus; nothing else calls connect().
import { jetstream, type JetStreamClient, jetstreamManager } from '@nats-io/jetstream';
import { type KV, Kvm, type KvOptions } from '@nats-io/kv';
import { type ObjectStore, type ObjectStoreOptions, Objm } from '@nats-io/obj';
import {
  type ConnectionOptions,
  connect,
  headers as natsHeaders,
  type NatsConnection,
} from '@nats-io/transport-node';
import type { z } from 'zod';
import { failure } from '../../contracts/errors.js';
import { headers } from '../../contracts/headers.js';
import { connectAs } from './bus-key.js';
import { failureIn } from './error-reply.js';
import { bucketFailure, lost, requestFailure } from './request-failure.js';

export { requestFailure } from './request-failure.js';

type BusState = 'connected' | 'disconnected' | 'closed';

export interface Bus {
  readonly nc: NatsConnection;
  readonly js: JetStreamClient;
  readonly region: string;
  connected(): boolean;
  /** Calls at every change of the state; returns the end of that. */
  onStatus(call: (state: BusState) => void): () => void;
  /** A bucket as it is, mirror or not; with `create` it is made when it is missing. Throws UNAVAILABLE when it is not there. */
  kv(bucket: string, options?: KvAsk): Promise<KV>;
  object(bucket: string, options?: ObjectAsk): Promise<ObjectStore>;
  /** A control message in JSON. Every way to fail is a Failure: what the other side said, UNAVAILABLE, or DEADLINE. */
  request<T>(
    subject: string,
    schema: z.ZodType<T>,
    body: unknown,
    options: { timeoutMs: number },
  ): Promise<T>;
  /** Sends what is pending, lets subscriptions finish what they have, closes. */
  drain(): Promise<void>;
}

interface ObjectAsk {
  readonly create?: Partial<ObjectStoreOptions>;
  /** The store of another region, read and written there. */
  readonly domain?: string;
}

interface KvAsk {
  readonly create?: Partial<KvOptions>;
  /** The bucket of another region, read and written there. */
  readonly domain?: string;
}

export interface BusOptions {
  readonly url: string;
  /** How the server's connection list calls us. */
  readonly name: string;
  /** When not given: what the server calls its JetStream domain, which is the region. */
  readonly region?: string;
  /** The file of the user's key; without it we are nobody in particular. */
  readonly key?: string | undefined;
  /** True when not given: a service waits for its server. The client library rather fails at once. */
  readonly waitOnFirstConnect?: boolean;
  readonly more?: ConnectionOptions;
}

const JETSTREAM_TIMEOUT_MS = 2_000;
// A drain waits for handlers; one that hangs must not hold up the end of the process.
const DRAIN_MS_MAX = 5_000;

export async function connectBus(options: BusOptions): Promise<Bus> {
  const nc = await connect({
    servers: options.url,
    name: options.name,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
    reconnectJitter: 100,
    // A frozen server or half-open link is noticed after two unanswered seconds; the default takes four minutes.
    pingInterval: 1_000,
    maxPingOut: 2,
    timeout: 2_000,
    waitOnFirstConnect: options.waitOnFirstConnect ?? true,
    noAsyncTraces: true,
    ignoreAuthErrorAbort: true,
    // The server's gossip names addresses that only its own network may reach.
    ignoreClusterUpdates: true,
    ...connectAs(options.key),
    ...options.more,
  });
  return new NatsBus(nc, options.region ?? domainOf(nc));
}

const domainOf = ({ info }: NatsConnection): string =>
  (info as { domain?: string } | undefined)?.domain ?? '';

class NatsBus implements Bus {
  readonly js: JetStreamClient;
  private state: BusState = 'connected';
  private readonly listeners = new Set<(state: BusState) => void>();
  private readonly opened = new Map<string, Promise<KV | ObjectStore>>();

  constructor(
    readonly nc: NatsConnection,
    readonly region: string,
  ) {
    this.js = jetstream(nc, { timeout: JETSTREAM_TIMEOUT_MS });
    void this.watch();
  }

  connected(): boolean {
    return this.state === 'connected' && !this.nc.isClosed();
  }

  onStatus(call: (state: BusState) => void): () => void {
    this.listeners.add(call);
    return () => void this.listeners.delete(call);
  }

  kv(bucket: string, { create, domain }: KvAsk = {}): Promise<KV> {
    // Who would make it must not share the failure of somebody who only looked for it.
    return this.open(`kv ${domain ?? ''} ${bucket}${create === undefined ? '' : ' to be made'}`, async () => {
      const options = { timeout: JETSTREAM_TIMEOUT_MS, ...(domain === undefined ? {} : { domain }) };
      if (create === undefined) await this.mustExist(`KV_${bucket}`, domain);
      // Kvm.open would not read the stream's configuration, and on a mirror its gets would silently find nothing.
      return new Kvm(jetstream(this.nc, options)).create(bucket, { ...create });
    });
  }

  object(bucket: string, { create, domain }: ObjectAsk = {}): Promise<ObjectStore> {
    const name = `object ${domain ?? ''} ${bucket}${create === undefined ? '' : ' to be made'}`;
    return this.open(name, async () => {
      const options = { timeout: JETSTREAM_TIMEOUT_MS, ...(domain === undefined ? {} : { domain }) };
      const stores = new Objm(domain === undefined ? this.js : jetstream(this.nc, options));
      if (create !== undefined) return stores.create(bucket, { ...create });
      await this.mustExist(`OBJ_${bucket}`, domain);
      return stores.open(bucket, false);
    });
  }

  async request<T>(
    subject: string,
    schema: z.ZodType<T>,
    body: unknown,
    { timeoutMs }: { timeoutMs: number },
  ): Promise<T> {
    const asked = natsHeaders();
    asked.set(headers.timeoutMs, String(Math.ceil(timeoutMs)));
    const message = await this.untilLost(subject, () =>
      this.nc.request(subject, JSON.stringify(body), { timeout: timeoutMs, headers: asked }),
    );
    const refused = failureIn(message);
    if (refused) throw refused;
    const parsed = schema.safeParse(message.json());
    if (parsed.success) return parsed.data;
    throw failure('INTERNAL', `The answer on ${subject} is not what was agreed.`, { subject }, parsed.error);
  }

  async drain(): Promise<void> {
    if (this.nc.isClosed()) return;
    // A connection that is down has nobody to drain to.
    const drained = this.connected() ? this.nc.drain() : this.nc.close();
    const late = AbortSignal.timeout(DRAIN_MS_MAX);
    await Promise.race([
      drained.catch(() => this.nc.close()),
      new Promise<void>((resolve) => late.addEventListener('abort', () => resolve(this.nc.close()))),
    ]);
  }

  /** A request on a connection that is down would wait out its timeout; this one fails when the connection does. */
  private async untilLost<T>(subject: string, ask: () => Promise<T>): Promise<T> {
    if (!this.connected()) throw lost(subject);
    let stop: () => void = () => undefined;
    const broken = new Promise<never>((_, reject) => {
      stop = this.onStatus((state) => state !== 'connected' && reject(lost(subject)));
    });
    try {
      return await Promise.race([ask(), broken]);
    } catch (error) {
      throw requestFailure(subject, error);
    } finally {
      stop();
    }
  }

  private async mustExist(stream: string, domain: string | undefined): Promise<void> {
    const manager = await jetstreamManager(this.nc, {
      checkAPI: false,
      timeout: JETSTREAM_TIMEOUT_MS,
      ...(domain === undefined ? {} : { domain }),
    });
    await manager.streams.info(stream);
  }

  /** One handle for all who ask; a failed opening is not remembered. */
  private async open<T extends KV | ObjectStore>(name: string, opening: () => Promise<T>): Promise<T> {
    const known = this.opened.get(name) as Promise<T> | undefined;
    if (known) return known;
    const fresh = this.untilLost(name, opening).catch((error: unknown) => {
      this.opened.delete(name);
      throw bucketFailure(name, error);
    });
    this.opened.set(name, fresh);
    return fresh;
  }

  private async watch(): Promise<void> {
    for await (const { type } of this.nc.status()) {
      if (type === 'reconnect') void this.settle();
      if (type === 'disconnect') this.become('disconnected');
    }
    this.become('closed');
  }

  /** Subscriptions are sent again before the server is heard of, and count only once it has read them: who is told that we are back may be asked. */
  private async settle(): Promise<void> {
    try {
      await this.nc.flush();
    } catch {
      return; // gone again; the next connection says so
    }
    if (!this.nc.isClosed()) this.become('connected');
  }

  private become(state: BusState): void {
    if (this.state === state) return;
    this.state = state;
    for (const call of this.listeners) call(state);
  }
}
