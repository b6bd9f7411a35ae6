// Those that may sleep, in every region: puts to sleep who is worth least where more are awake than have room, and loads before its
// callers come who is expected. The autoscaler tells it of every look, and writes what it says while it leads.
import type { EndpointRecord } from '../../contracts/registry.js';
import type { Now } from './endpoint-scaler.js';
import type { Load, LoadBook } from './load-book.js';
import type { Room } from './policy/greedy-dual.js';
import { Residency } from './residency.js';
import type { ScaledEndpoints } from './scaled-endpoints.js';
import { livesIn, mayDoze, type Scaled } from './sleepy.js';
import type { WantedState } from './wanted-state.js';

export interface SleepersParts {
  readonly book: LoadBook;
  readonly state: WantedState;
  readonly endpoints: ScaledEndpoints;
  /** Of a version on disk. */
  readonly memoryOf: (version: string) => number | undefined;
  /** Endpoints that may sleep and are awake in a region at once. */
  readonly residentsMax: number;
}

type Write = (endpoint: Scaled, decided: Readonly<Record<string, number>>, why: string) => Promise<unknown>;

/** The placer fills a shard to 0.8: who is woken finds room before the one who makes room for it has gone. */
const MEMORY_SHARE_MAX = 0.7;
/** Of a version whose files are not known; a session of the smallest model takes some hundred kilobytes, too. */
const MEMORY_BYTES_MIN = 640 * 1_024;
/** In a region, with what is being loaded anyway. */
const LOADS_AT_ONCE = 2;
const PRELOAD_EVERY_MS = 500;

export class Sleepers {
  private readonly residencies = new Map<string, Residency>();
  private preloadedMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly parts: SleepersParts) {}

  /** One look at an endpoint came to this number; the number that it is to have, which differs for who is expected. */
  looked(
    { name, scaling, variants }: Scaled,
    region: string,
    replicas: number,
    { load, current, startMs }: { load: Load; current: number | undefined; startMs: number },
    { atMs }: Now,
  ): number {
    if (!mayDoze(scaling)) return replicas;
    const residency = this.of(region);
    const isAsked = load.inFlight + load.waiting > 0;
    if (current === 0 && replicas > 0 && !isAsked) {
      residency.foresees(name, atMs);
      return 0;
    }
    const stays = replicas === 0 && (current ?? 0) > 0 && residency.isExpected(name, atMs);
    if (replicas === 0 && !stays) {
      residency.sleeps(name);
      return 0;
    }
    const inUse = isAsked || load.loading > 0;
    residency.saw(name, { arrived: load.arrived, inUse, startMs, bytes: this.memoryOfAll(variants) }, atMs);
    return Math.max(1, replicas);
  }

  /** Puts those to sleep that are worth least, where more are awake than have room; then whoever is expected comes in. */
  async arrange(now: Now, write: Write): Promise<void> {
    const { state, book } = this.parts;
    const mayPreload = now.atMs - this.preloadedMs >= PRELOAD_EVERY_MS;
    if (mayPreload) this.preloadedMs = now.atMs;
    const dozing = [...state.awake].map((name) => this.dozer(name)).filter((one) => one !== undefined);
    for (const region of book.regions()) {
      const awake = dozing.filter(({ name }) => this.wanted(name, region) > 0);
      const room = { residentsMax: this.parts.residentsMax, bytesMax: this.roomOf(region, awake, now) };
      const names = awake.map(({ name }) => name);
      const victims = new Set(this.of(region).crowdedOut(names, room));
      await this.sleep(region, awake, victims, write);
      if (!mayPreload) continue;
      const left = awake.filter(({ name }) => !victims.has(name));
      await this.preload(region, left, room, now, write);
    }
  }

  private async preload(
    region: string,
    awake: readonly Scaled[],
    room: Room,
    { atMs }: Now,
    write: Write,
  ): Promise<void> {
    const loading = this.parts.book
      .beats(region, atMs)
      .flatMap(({ replicas }) => replicas)
      .filter(({ state }) => state === 'loading' || state === 'warming').length;
    const mayWake = (name: string): boolean => {
      const endpoint = this.dozer(name);
      return endpoint !== undefined && livesIn(endpoint, region) && this.wanted(name, region) === 0;
    };
    const atOnce = Math.max(0, LOADS_AT_ONCE - loading);
    const names = awake.map(({ name }) => name);
    const { wake, sleep } = this.of(region).preload(names, room, { atOnce, nowMs: atMs, mayWake });
    await this.sleep(region, awake, new Set(sleep), write);
    for (const name of wake) {
      const endpoint = this.dozer(name);
      if (endpoint) await write(endpoint, { [region]: 1 }, 'it is expected to be called soon: loaded before');
    }
  }

  private async sleep(
    region: string,
    awake: readonly Scaled[],
    victims: ReadonlySet<string>,
    write: Write,
  ): Promise<void> {
    for (const endpoint of awake.filter(({ name }) => victims.has(name))) {
      await write(endpoint, { [region]: 0 }, 'others are worth more in the room there is');
      this.of(region).sleeps(endpoint.name);
    }
  }

  /** Memory of the region's shards less what lies there and may not leave. */
  private roomOf(region: string, awake: readonly Scaled[], { atMs }: Now): number {
    const beats = this.parts.book.beats(region, atMs);
    const there = beats.reduce((sum, { device }) => sum + device.memoryBytes, 0) * MEMORY_SHARE_MAX;
    // Four times a second over hundreds: loops, not lists of lists.
    const leaving = new Set<string>();
    for (const { variants } of awake) for (const { version } of variants) leaving.add(version);
    let staying = 0;
    for (const { replicas } of beats)
      for (const { version } of replicas) if (!leaving.has(version)) staying += this.memoryOf(version);
    return there - staying;
  }

  private dozer(name: string): Scaled | undefined {
    const endpoint = this.parts.endpoints.all.get(name);
    return endpoint && mayDoze(endpoint.scaling) ? endpoint : undefined;
  }

  private wanted(endpoint: string, region: string): number {
    return this.parts.state.of(endpoint)?.regions[region] ?? 0;
  }

  private memoryOfAll(variants: EndpointRecord['variants']): number {
    const versions = new Set(variants.map(({ version }) => version));
    return [...versions].reduce((sum, version) => sum + this.memoryOf(version), 0);
  }

  private memoryOf(version: string): number {
    return Math.max(this.parts.memoryOf(version) ?? 0, MEMORY_BYTES_MIN);
  }

  private of(region: string): Residency {
    const residency = this.residencies.get(region) ?? new Residency();
    this.residencies.set(region, residency);
    return residency;
  }
}
