// Who is alive, as Consul tells it: every process registers its services here, routers watch those of all regions. Consul may
// be away at any time: what was known stays, what was registered comes back by itself, and no call here fails for it.
import type { Clock } from './clock.js';
import type { ConsulAgent, HealthEntry } from './consul-agent.js';
import { errorFields, type Log } from './log.js';

export interface Registration {
  /** Unique in its region. */
  readonly id: string;
  readonly service: string;
  readonly tags?: readonly string[];
  readonly meta?: Readonly<Record<string, string>>;
}

export interface ServiceInstance {
  readonly id: string;
  readonly service: string;
  readonly region: string;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, string>>;
  readonly passing: boolean;
}

export type InstancesChanged = (instances: readonly ServiceInstance[]) => void;

export interface Discovery {
  /** Settles when Consul knows it, or when it did not within two seconds; goes on trying in both cases. */
  register(registration: Registration): Promise<void>;
  deregister(id: string): Promise<void>;
  /** Calls with the first list and at every change. A region out of reach keeps its last list. */
  watchService(service: string, region: string, changed: InstancesChanged, signal: AbortSignal): void;
  /** The same for several regions, in one list. */
  watchEverywhere(
    service: string,
    regions: readonly string[],
    changed: InstancesChanged,
    signal: AbortSignal,
  ): void;
  /** Deregisters what is left and ends all watches. */
  close(): Promise<void>;
}

// Three beats: one lost beat is nothing, a dead process is critical after three seconds.
const TTL_MS = 3_000;
const BEAT_MS = 1_000;
const REGISTER_WITHIN_MS = 2_000;
// Shorter than Consul's five minutes: an agent that lost its servers answers a blocking query only at its end.
const WAIT_MS = 10_000;
// A service that changes all the time must not make us ask without pause.
const PAUSE_MS = 50;
const RETRY_MS_MIN = 250;
const RETRY_MS_MAX = 5_000;

export interface DiscoveryParts {
  readonly agent: ConsulAgent;
  readonly clock: Clock;
  readonly log: Log;
}

export class ConsulDiscovery implements Discovery {
  private readonly beats = new Map<string, AbortController>();
  private readonly closing = new AbortController();

  constructor(private readonly parts: DiscoveryParts) {}

  async register(registration: Registration): Promise<void> {
    this.beats.get(registration.id)?.abort();
    const stop = new AbortController();
    this.beats.set(registration.id, stop);
    await new Promise<void>((resolve) => {
      const cancel = this.parts.clock.after(REGISTER_WITHIN_MS, resolve);
      void this.beat(registration, stop.signal, () => {
        cancel();
        resolve();
      });
    });
  }

  async deregister(id: string): Promise<void> {
    this.beats.get(id)?.abort();
    this.beats.delete(id);
    try {
      await this.parts.agent.deregisterService(id);
    } catch (error) {
      // Its check turns critical by itself when nobody beats.
      this.parts.log.warn('discovery.deregister.failed', { id, ...errorFields(error) });
    }
  }

  watchService(service: string, region: string, changed: InstancesChanged, signal: AbortSignal): void {
    void this.watch(service, region, changed, AbortSignal.any([signal, this.closing.signal]));
  }

  watchEverywhere(
    service: string,
    regions: readonly string[],
    changed: InstancesChanged,
    signal: AbortSignal,
  ): void {
    const lists = new Map<string, readonly ServiceInstance[]>();
    for (const region of regions) {
      const merged: InstancesChanged = (instances) => {
        lists.set(region, instances);
        changed([...lists.values()].flat());
      };
      this.watchService(service, region, merged, signal);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.beats.keys()].map((id) => this.deregister(id)));
    this.closing.abort();
  }

  /** Registers, then says every second that all is well; whatever goes wrong, the next beat registers again. */
  private async beat(registration: Registration, signal: AbortSignal, registered: () => void): Promise<void> {
    const { agent, clock, log } = this.parts;
    const { id, service, tags = [], meta = {} } = registration;
    let known = false;
    let lost = false;
    while (!signal.aborted) {
      try {
        if (known) await agent.passCheck(`service:${id}`);
        else await agent.registerService({ id, service, tags, meta, ttlMs: TTL_MS });
        // Deregistered while the call was on its way: it must not come back.
        if (signal.aborted && !known) await agent.deregisterService(id);
        if (!known) log.info('discovery.registered', { id, again: lost });
        known = true;
        lost = false;
        registered();
      } catch (error) {
        if (!lost) log.warn('discovery.lost', { id, ...errorFields(error) });
        known = false;
        lost = true;
      }
      await clock.sleep(BEAT_MS, signal).catch(() => undefined);
    }
  }

  private async watch(
    service: string,
    region: string,
    changed: InstancesChanged,
    signal: AbortSignal,
  ): Promise<void> {
    const { agent, clock, log } = this.parts;
    let index = 0n;
    let retryMs = RETRY_MS_MIN;
    let last: string | undefined;
    while (!signal.aborted) {
      try {
        const answer = await agent.health(service, { index, waitMs: WAIT_MS, signal, region });
        index = nextIndex(index, answer.index);
        retryMs = RETRY_MS_MIN;
        const instances = answer.value.map((entry) => instanceOf(entry, region));
        // A return does not prove a change.
        const now = JSON.stringify(instances);
        if (now !== last) {
          last = now;
          changed(instances);
        }
        await clock.sleep(PAUSE_MS, signal);
      } catch (error) {
        if (signal.aborted) return;
        log.warn('discovery.watch.failed', { service, region, retryMs, ...errorFields(error) });
        await clock.sleep(retryMs, signal).catch(() => undefined);
        // The next answer is taken at once and in full: a restarted agent may have another index altogether.
        index = 0n;
        retryMs = Math.min(retryMs * 2, RETRY_MS_MAX);
      }
    }
  }
}

/** An index that goes backwards means a new history: start again at 0. Consul asks for at least 1 else. */
export function nextIndex(asked: bigint, answered: bigint): bigint {
  if (answered < asked) return 0n;
  return answered > 0n ? answered : 1n;
}

function instanceOf({ Service: service, Checks: checks }: HealthEntry, region: string): ServiceInstance {
  return {
    id: service.ID,
    service: service.Service,
    region,
    tags: service.Tags ?? [],
    meta: service.Meta ?? {},
    passing: checks.every((check) => check.Status === 'passing'),
  };
}
