// Which replicas there are and over which connections they can be reached, from heartbeats and what requests met. A shard in
// another region may be heard over either region's server, so every connection has its own opinion of every shard.
// The route view owns one; time comes in as an argument.
import {
  type BeatChanges,
  HEARTBEAT_STALE_MS,
  type Heartbeat,
  type ReplicaReport,
  type ShardDevice,
} from '../../../contracts/heartbeat.js';
import type { Digest } from '../../../contracts/names.js';
import type { Breakers } from '../breaker.js';
import { murmur3 } from '../murmur3.js';
import type { ShardPlace } from '../placement/why-nowhere.js';
import { NO_LINK, ReplicaEntry } from './replica-entry.js';

export interface ShardTableOptions {
  /** Region of each connection, own region first. At most 31. */
  readonly regions: readonly string[];
  readonly breakers: Breakers;
  /** A replica can be reached that could not before: who waits may try again. */
  readonly onUsable: () => void;
  /** Orders of safety: whether a shard gets no request, whatever it says of itself. */
  readonly isWithheld?: (shard: string) => boolean;
}

interface Shard {
  readonly name: string;
  readonly region: string;
  pid: number;
  /** A beat of the life before may come late over the longer way. */
  pidBefore: number;
  seq: number;
  heardMs: number;
  device: ShardDevice | undefined;
  /** By connection. */
  readonly freshUntilMs: number[];
  /** Connections, as bits, over which it was heard lately. */
  freshLinks: number;
  readonly replicas: Map<string, ReplicaEntry>;
}

// Long after all hope: a shard silent for a minute was taken away, and its entry with it.
const FORGET_MS = 60_000;
/** How far one way may lag behind another, in beats. */
const LATE_BEATS_MAX = 16;
const NONE: readonly ReplicaEntry[] = Object.freeze([]);

export class ShardTable {
  private readonly shards = new Map<string, Shard>();
  private readonly byVersion = new Map<Digest, readonly ReplicaEntry[]>();
  private readonly byId = new Map<string, ReplicaEntry>();
  /** Connections that are up, as bits. */
  private up = 0;

  constructor(private readonly options: ShardTableOptions) {}

  replicas(version: Digest): readonly ReplicaEntry[] {
    return this.byVersion.get(version) ?? NONE;
  }

  replica(id: string): ReplicaEntry | undefined {
    return this.byId.get(id);
  }

  shardNames(): string[] {
    return [...this.shards.keys()];
  }

  places(): Iterable<ShardPlace> {
    return this.shards.values();
  }

  heard(link: number, beat: Heartbeat, nowMs: number): void {
    const shard = this.shards.get(beat.shard) ?? this.add(beat);
    const samePid = beat.pid === shard.pid;
    if (samePid ? isLate(beat, shard) : beat.pid === shard.pidBefore) return;
    const reborn = !samePid || beat.seq < shard.seq;
    const news = reborn || beat.seq > shard.seq;
    if (!samePid) {
      shard.pidBefore = shard.pid;
      shard.pid = beat.pid;
    }
    shard.seq = beat.seq;
    this.freshen(shard, link, nowMs);
    for (const replica of shard.replicas.values()) replica.lostLinks &= ~(1 << link);
    if (news) this.update(shard, beat, reborn, nowMs);
    this.relink(shard);
  }

  /** Between two whole beats. Of a life that none told of, and what newer words overtook, is passed over: the next one says all. */
  changed(link: number, changes: BeatChanges, nowMs: number): void {
    const { shard: name, pid, seq, state, beat, replicas, gone } = changes;
    const shard = this.shards.get(name);
    if (!shard || shard.pid !== pid || seq < shard.seq) return;
    const news = seq > shard.seq;
    shard.seq = seq;
    this.freshen(shard, link, nowMs);
    if (news) {
      for (const report of replicas) this.take(shard, report, state, false, nowMs);
      for (const id of gone) this.drop(shard, shard.replicas.get(id));
    }
    const spokenOf = beat ? shard.replicas.values() : replicas.map(({ id }) => shard.replicas.get(id));
    for (const replica of spokenOf) if (replica) replica.lostLinks &= ~(1 << link);
    this.relink(shard);
  }

  /** A connection went up or down. What was fresh stays so for the time of a few beats after it came back. */
  connected(link: number, isUp: boolean, nowMs: number): void {
    const bit = 1 << link;
    if (isUp) this.up |= bit;
    else this.up &= ~bit;
    for (const shard of this.shards.values()) {
      if (isUp) {
        shard.heardMs = nowMs;
        if (shard.freshLinks & bit) shard.freshUntilMs[link] = nowMs + HEARTBEAT_STALE_MS;
      }
      for (const replica of shard.replicas.values()) {
        replica.lostLinks &= ~bit;
        if (!isUp) replica.lose(bit);
      }
      this.relink(shard);
    }
  }

  /** After a change of orders: what is withheld gets nothing more now, and what is not comes back with its next beat. */
  review(): void {
    for (const shard of this.shards.values()) {
      if (!this.options.isWithheld?.(shard.name)) continue;
      for (const replica of shard.replicas.values()) replica.lose(~0);
      this.relink(shard);
    }
  }

  /** Called a few times a second. `isAlive` is a second opinion on shards that are silent: false and it is forgotten at once. */
  sweep(nowMs: number, isAlive?: (shard: string) => boolean | undefined): void {
    if (this.up === 0) return; // nobody can be heard, which says nothing about anybody
    for (const shard of this.shards.values()) {
      const silent = this.expired(shard, nowMs);
      if (silent !== 0) {
        shard.freshLinks &= ~silent;
        for (const replica of shard.replicas.values()) replica.lose(silent);
      }
      for (const replica of shard.replicas.values()) replica.fade(nowMs);
      this.relink(shard);
      const dead = shard.freshLinks === 0 && isAlive?.(shard.name) === false;
      if (dead || nowMs - shard.heardMs > FORGET_MS) this.remove(shard);
    }
  }

  /** Another connection than `avoid` if there is one, else any that is up; for replicas that were not heard of lately, too. */
  linkFor(replica: ReplicaEntry, avoid = NO_LINK): number {
    if (replica.link !== NO_LINK && replica.link !== avoid) return replica.link;
    const heard = (this.shards.get(replica.shard)?.freshLinks ?? 0) & this.up & ~replica.lostLinks;
    const other = this.pick(replica.region, avoid === NO_LINK ? heard : heard & ~(1 << avoid));
    if (other !== NO_LINK) return other;
    if (replica.link !== NO_LINK) return replica.link;
    const untried = this.pick(replica.region, this.up & ~replica.lostLinks);
    return untried === NO_LINK ? this.pick(replica.region, this.up) : untried;
  }

  close(): void {
    for (const shard of this.shards.values()) this.remove(shard);
  }

  private add({ shard: name, region }: Heartbeat): Shard {
    const freshUntilMs = this.options.regions.map(() => 0);
    const shard: Shard = {
      name,
      region,
      pid: -1,
      pidBefore: -1,
      seq: -1,
      heardMs: 0,
      device: undefined,
      freshUntilMs,
      freshLinks: 0,
      replicas: new Map(),
    };
    this.shards.set(name, shard);
    return shard;
  }

  private remove(shard: Shard): void {
    this.shards.delete(shard.name);
    for (const replica of shard.replicas.values()) this.drop(shard, replica);
  }

  private update(shard: Shard, beat: Heartbeat, reborn: boolean, nowMs: number): void {
    shard.device = beat.device;
    const reported = new Set<string>();
    for (const report of beat.replicas) {
      reported.add(report.id);
      this.take(shard, report, beat.state, reborn, nowMs);
    }
    for (const replica of shard.replicas.values()) if (!reported.has(replica.id)) this.drop(shard, replica);
  }

  private take(
    shard: Shard,
    report: ReplicaReport,
    state: Heartbeat['state'],
    reborn: boolean,
    nowMs: number,
  ): void {
    const known = shard.replicas.get(report.id);
    const replica = known ?? this.make(shard, report.id, report.version);
    // Another engine has it now: what the one before held is gone with it.
    if (known && (reborn || known.epoch !== report.epoch)) known.lose(~0);
    if (report.state === 'failed') replica.lose(~0);
    replica.pool = shard.device?.pool;
    const serves = report.state === 'ready' && state !== 'draining';
    replica.report(report, serves && !this.options.isWithheld?.(shard.name), nowMs);
  }

  private freshen(shard: Shard, link: number, nowMs: number): void {
    shard.heardMs = nowMs;
    shard.freshUntilMs[link] = nowMs + HEARTBEAT_STALE_MS;
    shard.freshLinks |= 1 << link;
  }

  private make(shard: Shard, id: string, version: Digest): ReplicaEntry {
    const { name, region } = shard;
    const replica = new ReplicaEntry(id, name, region, version, murmur3(name), this.options.breakers);
    shard.replicas.set(id, replica);
    this.byId.set(id, replica);
    this.byVersion.set(version, [...this.replicas(version), replica]);
    return replica;
  }

  private drop(shard: Shard, replica: ReplicaEntry | undefined): void {
    if (!replica) return;
    shard.replicas.delete(replica.id);
    this.byId.delete(replica.id);
    const left = this.replicas(replica.version).filter((other) => other !== replica);
    if (left.length > 0) this.byVersion.set(replica.version, left);
    else this.byVersion.delete(replica.version);
    replica.close();
  }

  private expired(shard: Shard, nowMs: number): number {
    let expired = 0;
    for (const [link, untilMs] of shard.freshUntilMs.entries()) if (untilMs <= nowMs) expired |= 1 << link;
    return expired & shard.freshLinks & this.up;
  }

  private relink(shard: Shard): void {
    const heard = shard.freshLinks & this.up;
    let usable = false;
    for (const replica of shard.replicas.values()) {
      replica.link = this.pick(shard.region, heard & ~replica.lostLinks);
      const isUsable = replica.ready && replica.fresh;
      usable ||= isUsable && !replica.wasUsable;
      replica.wasUsable = isUsable;
    }
    if (usable) this.options.onUsable();
  }

  /** The connection to the replica's own region saves a hop; otherwise ours first. */
  private pick(region: string, links: number): number {
    if (links === 0) return NO_LINK;
    const direct = this.options.regions.indexOf(region);
    if (direct >= 0 && links & (1 << direct)) return direct;
    return 31 - Math.clz32(links & -links);
  }
}

/**
 * The same beat over a longer way, as against another life under the same number: in a container every first process is 1. A life
 * that begins again is far behind, or comes after silence.
 */
function isLate(beat: Heartbeat, shard: Shard): boolean {
  return beat.seq < shard.seq && beat.seq > shard.seq - LATE_BEATS_MAX && shard.freshLinks !== 0;
}
