// Says what this shard serves and how loaded it is: every HEARTBEAT_MS, and of replicas that come, go or change at once, because
// routers lead requests to them or away from them by that.
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

export type Pulse = Omit<Heartbeat, 'pid' | 'seq'>;

export class Heartbeats {
  private seq = 0;
  private soon = false;
  private cancelSoon: (() => void) | undefined;
  private stopBeating: () => void = () => undefined;
  /** As listeners know it: the last beat with what was told since. */
  private told:
    { readonly aboutShard: string; readonly replicas: ReadonlyMap<string, ReplicaReport> } | undefined;

  constructor(
    private readonly bus: Pick<Bus, 'nc' | 'connected'>,
    private readonly clock: Clock,
    private readonly pulse: () => Pulse,
    /** Told of every whole beat. */
    private readonly observed: (pulse: Pulse) => void = () => undefined,
  ) {}

  start(): void {
    this.stopBeating = this.clock.every(HEARTBEAT_MS, () => this.beat());
    this.beat();
  }

  /** Nobody acts on it at once: told together with what changes until then. */
  changedSoon(): void {
    this.cancelSoon ??= this.clock.after(SOON_MS, () => this.tell());
  }

  /** Once for all changes of the same moment. */
  changed(): void {
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

  private beat(): void {
    if (this.canSpeak()) this.sayAll(this.pulse());
  }

  /** What changed; all of it where more than replicas did. */
  private tell(): void {
    this.cancelSoon?.();
    this.cancelSoon = undefined;
    if (!this.canSpeak()) return;
    const pulse = this.pulse();
    if (!this.told || this.told.aboutShard !== aboutShard(pulse)) return this.sayAll(pulse);
    const before = this.told.replicas;
    const now = byId(pulse);
    const replicas = pulse.replicas.filter((replica) => differs(before.get(replica.id), replica));
    const gone = [...before.keys()].filter((id) => !now.has(id));
    this.told = { ...this.told, replicas: now };
    if (replicas.length + gone.length === 0) return;
    const { shard, region, state } = pulse;
    const changes: BeatChanges = { shard, region, state, pid: process.pid, seq: ++this.seq, replicas, gone };
    this.bus.nc.publish(subjects.changes(region, shard), JSON.stringify(changes));
  }

  private sayAll(pulse: Pulse): void {
    this.cancelSoon?.();
    this.cancelSoon = undefined;
    this.told = { aboutShard: aboutShard(pulse), replicas: byId(pulse) };
    this.observed(pulse);
    const heartbeat: Heartbeat = { ...pulse, pid: process.pid, seq: ++this.seq };
    this.bus.nc.publish(subjects.heartbeat(heartbeat.region, heartbeat.shard), JSON.stringify(heartbeat));
  }

  /** On a connection that is down it would vanish; the next beat after it is back says all that matters. */
  private canSpeak(): boolean {
    return this.bus.connected() && !this.bus.nc.isDraining();
  }
}

const byId = ({ replicas }: Pulse): Map<string, ReplicaReport> =>
  new Map(replicas.map((replica) => [replica.id, replica]));

const aboutShard = ({ state, cordoned = false, engines }: Pulse): string =>
  [state, cordoned, ...engines.map((engine) => `${engine.pid}:${engine.state}`)].join(' ');

/** Counts and times are no news before the next beat. */
const differs = (before: ReplicaReport | undefined, now: ReplicaReport): boolean =>
  before === undefined ||
  before.state !== now.state ||
  before.epoch !== now.epoch ||
  before.capacity !== now.capacity ||
  before.batchMax !== now.batchMax ||
  before.reason !== now.reason;
