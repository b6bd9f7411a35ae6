// Says what this shard serves and how loaded it is: every HEARTBEAT_MS, and at once when a replica comes or goes, because
// routers lead requests to it or away from it by that.
import { HEARTBEAT_MS, type Heartbeat } from '../../contracts/heartbeat.js';
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

  constructor(
    private readonly bus: Pick<Bus, 'nc' | 'connected'>,
    private readonly clock: Clock,
    private readonly pulse: () => Pulse,
  ) {}

  start(): void {
    this.stopBeating = this.clock.every(HEARTBEAT_MS, () => this.beat());
    this.beat();
  }

  /** Nobody acts on it at once; with hundreds of replicas every beat costs its listeners a millisecond or two. */
  changedSoon(): void {
    this.cancelSoon ??= this.clock.after(SOON_MS, () => this.beat());
  }

  /** Once for all changes of the same moment. */
  changed(): void {
    if (this.soon) return;
    this.soon = true;
    queueMicrotask(() => {
      this.soon = false;
      this.beat();
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
    this.cancelSoon?.();
    this.cancelSoon = undefined;
    // On a connection that is down it would vanish; the next beat after it is back says all that matters.
    if (!this.bus.connected() || this.bus.nc.isDraining()) return;
    const heartbeat = this.now();
    this.bus.nc.publish(subjects.heartbeat(heartbeat.region, heartbeat.shard), JSON.stringify(heartbeat));
  }
}
