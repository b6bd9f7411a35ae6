// Where requests to sleeping endpoints wait for them to wake: counts who waits for which, has an end, and tells the autoscalers at
// once when the first one comes. Router, gateway and client each have one; the course of a call enters and leaves.
import { nuid } from '@nats-io/transport-node';
import { WAITING_EVERY_MS, type WaitingNotice } from '../../../contracts/scaling.js';
import { subjects } from '../../../contracts/subjects.js';
import type { Bus } from '../bus.js';
import type { Clock } from '../clock.js';

/** For one endpoint in one process. A second's requests of a busy one, and little memory beside their bodies, which doors bound. */
const WAITING_MAX = 1_024;

/** Who has it waits until it leaves; leaving twice does nothing. */
export interface Seat {
  readonly endpoint: string;
  readonly taken: boolean;
  leave(): void;
}

export class WaitingRoom {
  private readonly waiting = new Map<string, number>();
  private readonly source = nuid.next();
  private stopTelling: (() => void) | undefined;

  constructor(
    /** The first that is connected tells. */
    private readonly buses: readonly Bus[],
    private readonly region: string,
    private readonly clock: Clock,
    private readonly waitingMax = WAITING_MAX,
  ) {}

  of(endpoint: string): number {
    return this.waiting.get(endpoint) ?? 0;
  }

  /** Undefined when full. */
  enter(endpoint: string): Seat | undefined {
    const before = this.of(endpoint);
    if (before >= this.waitingMax) return undefined;
    this.waiting.set(endpoint, before + 1);
    if (before === 0) this.tell(endpoint);
    this.stopTelling ??= this.clock.every(WAITING_EVERY_MS, () => this.tellAll());
    let taken = true;
    const leave = (): void => {
      if (taken) this.leave(endpoint);
      taken = false;
    };
    return {
      endpoint,
      get taken() {
        return taken;
      },
      leave,
    };
  }

  close(): void {
    this.stopTelling?.();
    this.stopTelling = undefined;
    this.waiting.clear();
  }

  private leave(endpoint: string): void {
    const left = this.of(endpoint) - 1;
    if (left > 0) return void this.waiting.set(endpoint, left);
    this.waiting.delete(endpoint);
    this.tell(endpoint);
    if (this.waiting.size > 0) return;
    this.stopTelling?.();
    this.stopTelling = undefined;
  }

  private tellAll(): void {
    for (const endpoint of this.waiting.keys()) this.tell(endpoint);
  }

  private tell(endpoint: string): void {
    const { source, region } = this;
    const notice: WaitingNotice = { source, region, endpoint, waiting: this.of(endpoint) };
    const bus = this.buses.find((one) => one.connected() && !one.nc.isDraining() && !one.nc.isClosed());
    bus?.nc.publish(subjects.waiting(), JSON.stringify(notice));
  }
}
