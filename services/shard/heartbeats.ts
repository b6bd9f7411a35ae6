// Says what this shard serves and how loaded it is: every HEARTBEAT_MS, and of replicas that come, go or change at once, because
// routers lead requests to them or away from them by that. Of many replicas most beats tell only what is new.
import { isDeepStrictEqual } from 'node:util';
import {
  type BeatChanges,
  HEARTBEAT_MS,
  type Heartbeat,
  type ReplicaReport,
} from '../../contracts/heartbeat.js';
import { subjects } from '../../contracts/subjects.js';
import type { Bus } from '../mesh/bus.js';
import type { Clock } from '../mesh/clock.js';

const SOON_MS = 100;
/** Up to so many replicas are told with every beat: some 10 KB. */
const WHOLE_UP_TO = 32;
/** With more every fourth beat tells all: so long waits who begins to listen, or has missed something. */
const WHOLE_EVERY_BEATS = 4;

export type Pulse = Omit<Heartbeat, 'pid' | 'seq'>;

export interface Speaker {
  readonly shard: () => Omit<Pulse, 'replicas'>;
  readonly replicas: () => ReplicaReport[];
  /** Undefined for one that is not there. */
  readonly replica: (id: string) => ReplicaReport | undefined;
}

export class Heartbeats {
  private seq = 0;
  private soon = false;
  private cancelSoon: (() => void) | undefined;
  private stopBeating: () => void = () => undefined;
  /** Replicas of which there may be something to tell. */
  private readonly news = new Set<string>();
  /** As listeners know it: the last beat with what was told since. */
  private told: { readonly aboutShard: string; readonly replicas: Map<string, ReplicaReport> } | undefined;
  private beatsSinceWhole = 0;

  constructor(
    private readonly bus: Pick<Bus, 'nc' | 'connected'>,
    private readonly clock: Clock,
    private readonly speaker: Speaker,
    /** Told at every beat. */
    private readonly observed: (pulse: Pulse) => void = () => undefined,
  ) {}

  start(): void {
    this.stopBeating = this.clock.every(HEARTBEAT_MS, () => this.beat());
    this.beat();
  }

  /** Nobody acts on it at once: told together with what changes until then. */
  changedSoon(replica: string): void {
    this.news.add(replica);
    this.cancelSoon ??= this.clock.after(SOON_MS, () => this.tell());
  }

  /** Once for all changes of the same moment; without a replica: the shard itself, or its engines. */
  changed(replica?: string): void {
    if (replica !== undefined) this.news.add(replica);
    if (this.soon) return;
    this.soon = true;
    queueMicrotask(() => {
      this.soon = false;
      this.tell();
    });
  }

  now(): Heartbeat {
    return { ...this.pulse(), pid: process.pid, seq: ++this.seq };
  }

  stop(): void {
    this.stopBeating();
    this.cancelSoon?.();
  }

  private pulse(): Pulse {
    return { ...this.speaker.shard(), replicas: this.speaker.replicas() };
  }

  private beat(): void {
    // Who could not be told meanwhile is told all.
    if (!this.canSpeak()) return void (this.told = undefined);
    const pulse = this.pulse();
    this.observed(pulse);
    const { told } = this;
    const isWhole =
      told?.aboutShard !== aboutShard(pulse) ||
      pulse.replicas.length <= WHOLE_UP_TO ||
      ++this.beatsSinceWhole >= WHOLE_EVERY_BEATS;
    if (isWhole || !told) return this.sayAll(pulse);
    const here = new Set(pulse.replicas.map(({ id }) => id));
    const replicas = pulse.replicas.filter((one) => !isDeepStrictEqual(one, told.replicas.get(one.id)));
    const gone = [...told.replicas.keys()].filter((id) => !here.has(id));
    this.say(pulse, replicas, gone, true);
  }

  /** Of the replicas that are news what changed; all of all where more than replicas did. */
  private tell(): void {
    this.cancelSoon?.();
    this.cancelSoon = undefined;
    if (!this.canSpeak()) return;
    const shard = this.speaker.shard();
    const { told } = this;
    if (told?.aboutShard !== aboutShard(shard)) return this.sayAll(this.pulse());
    const replicas: ReplicaReport[] = [];
    const gone: string[] = [];
    for (const id of this.news) {
      const [before, now] = [told.replicas.get(id), this.speaker.replica(id)];
      if (now && differs(before, now)) replicas.push(now);
      if (before && !now) gone.push(id);
    }
    if (replicas.length + gone.length > 0) this.say(shard, replicas, gone, false);
    this.news.clear();
  }

  private say(
    { shard, region, state }: Pick<Pulse, 'shard' | 'region' | 'state'>,
    replicas: ReplicaReport[],
    gone: string[],
    beat: boolean,
  ): void {
    for (const replica of replicas) this.told?.replicas.set(replica.id, replica);
    for (const id of gone) this.told?.replicas.delete(id);
    const about = { shard, region, state, pid: process.pid, seq: ++this.seq };
    const changes: BeatChanges = { ...about, ...(beat && { beat }), replicas, gone };
    this.bus.nc.publish(subjects.changes(region, shard), JSON.stringify(changes));
  }

  private sayAll(pulse: Pulse): void {
    this.cancelSoon?.();
    this.cancelSoon = undefined;
    this.news.clear();
    this.beatsSinceWhole = 0;
    const replicas = new Map(pulse.replicas.map((replica) => [replica.id, replica]));
    this.told = { aboutShard: aboutShard(pulse), replicas };
    const heartbeat: Heartbeat = { ...pulse, pid: process.pid, seq: ++this.seq };
    this.bus.nc.publish(subjects.heartbeat(heartbeat.region, heartbeat.shard), JSON.stringify(heartbeat));
  }

  /** On a connection that is down it would vanish; the next beat after it is back says all that matters. */
  private canSpeak(): boolean {
    return this.bus.connected() && !this.bus.nc.isDraining();
  }
}

const aboutShard = ({ state, cordoned = false, engines }: Omit<Pulse, 'replicas'>): string =>
  [state, cordoned, ...engines.map((engine) => `${engine.pid}:${engine.state}`)].join(' ');

/** Counts and times are no news before the next beat. */
const differs = (before: ReplicaReport | undefined, now: ReplicaReport): boolean =>
  before === undefined ||
  before.state !== now.state ||
  before.epoch !== now.epoch ||
  before.capacity !== now.capacity ||
  before.batchMax !== now.batchMax ||
  before.reason !== now.reason;
