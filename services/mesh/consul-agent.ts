// The calls to the local Consul agent that we use, with a time limit each and failures of ours. discovery.ts and lease.ts are
// built on it; nothing else knows the consul package.
import Consul from 'consul';
import { EventEmitter } from 'node:events';
import { z } from 'zod';
import { type Failure, failure } from '../../contracts/errors.js';

export interface ServiceRegistration {
  readonly id: string;
  readonly service: string;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, string>>;
  readonly ttlMs: number;
}

/** An answer of a blocking query: ask again with its index and Consul answers when something changed, or when `wait` is over. */
export interface Indexed<T> {
  readonly index: bigint;
  readonly value: T;
}

export interface Blocking {
  /** 0 answers at once. */
  readonly index: bigint;
  readonly waitMs: number;
  readonly signal: AbortSignal;
  readonly region?: string;
}

// An agent on the same host answers within milliseconds; one that takes longer hangs.
const CALL_MS_MAX = 1_500;
// Consul adds up to a sixteenth of the wait by itself.
const WAIT_FACTOR = 1.1;
// The shortest time after which Consul forgets a service whose check stays critical.
const FORGET_AFTER = '1m';

const HealthEntry = z.object({
  Service: z.object({
    ID: z.string(),
    Service: z.string(),
    Tags: z.array(z.string()).nullish(),
    Meta: z.record(z.string(), z.string()).nullish(),
  }),
  Checks: z.array(z.object({ Status: z.string() })),
});
export type HealthEntry = z.infer<typeof HealthEntry>;

const Sessions = z.array(z.object({ ID: z.string(), Name: z.string() }));
const KvEntries = z.array(z.object({ Session: z.string().optional() })).nullish();

export class ConsulAgent {
  private readonly api: Consul;

  /** Without a token it may what Consul lets anybody do: nothing, outside development mode. */
  constructor(url: string, token?: string) {
    const { hostname, port, protocol } = new URL(url);
    const secure = protocol === 'https:';
    this.api = new Consul({
      host: hostname,
      port: Number(port || (secure ? 443 : 80)),
      secure,
      ...(token !== undefined && { defaults: { token } }),
    });
  }

  /** Registers or replaces; the service counts as alive for the first `ttlMs`. */
  async registerService({ id, service, tags, meta, ttlMs }: ServiceRegistration): Promise<void> {
    const check = {
      name: `service:${id}`,
      ttl: `${ttlMs}ms`,
      timeout: `${CALL_MS_MAX}ms`,
      status: 'passing',
      deregistercriticalserviceafter: FORGET_AFTER,
    };
    const options = { id, name: service, tags: [...tags], meta: { ...meta }, check, timeout: CALL_MS_MAX };
    await this.call(`register ${id}`, () => this.api.agent.service.register(options));
  }

  async deregisterService(id: string): Promise<void> {
    await this.call(`deregister ${id}`, () => this.api.agent.service.deregister({ id, ...limited }));
  }

  /** Says that all is well, for the next TTL. Throws NOT_FOUND when Consul does not know the check any more. */
  async passCheck(id: string): Promise<void> {
    await this.call(`pass ${id}`, () => this.api.agent.check.pass({ id, ...limited }));
  }

  /** The session ends with the check, and so do its locks; nobody else gets them before the delay is over. */
  async createSession(name: string, checkId: string, lockDelayMs: number): Promise<string> {
    const options = {
      name,
      checks: [checkId],
      behavior: 'release' as const,
      lockdelay: `${lockDelayMs}ms`,
      ...limited,
    };
    const answer = await this.call(`create session ${name}`, () => this.api.session.create(options));
    return answer.ID;
  }

  async destroySession(id: string): Promise<void> {
    await this.call(`destroy session ${id}`, () => this.api.session.destroy({ id, ...limited }));
  }

  /** Ids of the sessions that were made under a name. */
  async sessionsNamed(name: string): Promise<string[]> {
    const options: object = limited; // the package's types forget the time limit here
    const sessions = await this.call(`list sessions ${name}`, () => this.api.session.list(options));
    return Sessions.parse(sessions ?? []).flatMap(({ ID, Name }) => (Name === name ? [ID] : []));
  }

  /** True when the session has the lock now. */
  async acquire(key: string, session: string, value: string): Promise<boolean> {
    const options = { key, value, acquire: session, ...limited };
    return this.call(`acquire ${key}`, () => this.api.kv.set(options));
  }

  async release(key: string, session: string): Promise<void> {
    const options = { key, value: '', release: session, ...limited };
    await this.call(`release ${key}`, () => this.api.kv.set(options));
  }

  /** Which session has the lock; undefined when nobody has. */
  async lockHolder(key: string, blocking: Blocking): Promise<Indexed<string | undefined>> {
    const { index, value } = await this.ask(`read ${key}`, blocking, (more) =>
      this.api.kv.get({ key, ...more }),
    );
    // The package hands on the one entry of the list.
    const [entry] = KvEntries.parse(value === undefined || Array.isArray(value) ? value : [value]) ?? [];
    return { index, value: entry?.Session };
  }

  /** All instances that Consul knows, healthy or not. */
  async health(service: string, blocking: Blocking): Promise<Indexed<HealthEntry[]>> {
    const { index, value } = await this.ask(`list ${service}`, blocking, (more) =>
      this.api.health.service({ service, ...more }),
    );
    return { index, value: z.array(HealthEntry).parse(value ?? []) };
  }

  /** Ends the connections that are kept open. */
  close(): void {
    this.api.destroy();
  }

  private async ask(
    what: string,
    { index, waitMs, signal, region }: Blocking,
    get: (more: object) => Promise<unknown>,
  ): Promise<Indexed<unknown>> {
    signal.throwIfAborted();
    // The package answers with the response, whose headers have the index, and stops at `cancel`, when it is given this.
    const context = Object.assign(new EventEmitter(), { includeResponse: true });
    const cancel = () => context.emit('cancel');
    signal.addEventListener('abort', cancel, { once: true });
    const more = {
      ctx: context,
      // A server that just came back leads before it has taken up all it knew, and would answer a plain read with less.
      consistent: true,
      index: index.toString(),
      wait: `${waitMs}ms`,
      timeout: CALL_MS_MAX + Math.ceil(waitMs * WAIT_FACTOR),
      ...(region === undefined ? {} : { dc: region }),
    };
    try {
      const [response, value] = (await this.call(what, () => get(more))) as [
        { headers: Record<string, string | undefined> },
        unknown,
      ];
      return { index: BigInt(response.headers['x-consul-index'] ?? 0), value };
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  private async call<T>(what: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      throw consulFailure(what, error);
    }
  }
}

const limited = { timeout: CALL_MS_MAX };

/** Consul 1.8 says 500 for a check that it does not know, newer ones say 404. */
function consulFailure(what: string, error: unknown): Failure {
  const said = error instanceof Error ? error.message : String(error);
  const response = (error as { response?: { statusCode?: number; body?: unknown } }).response;
  const body = typeof response?.body === 'string' ? response.body.trim() : '';
  const unknown = response?.statusCode === 404 || /unknown check|does not have associated TTL/i.test(body);
  return failure(
    unknown ? 'NOT_FOUND' : 'UNAVAILABLE',
    `Consul could not ${what}: ${body || said}.`,
    {},
    error,
  );
}
