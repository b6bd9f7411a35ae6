// Lets the replicas of one engine take turns. A run blocks the whole process, so there is one run at a time; a replica with
// work waits behind the others that have some, whatever the depth of its own queue.
import type { Clock } from '../../mesh/clock.js';
import type { Transit } from './transit.js';

export interface Turn {
  /** Requests that wait. */
  readonly waiting: number;
  /** How many of them one run takes at best. */
  readonly runMax: number;
  /** Runs one batch of what waits; true when more is waiting. */
  runOnce(): Promise<boolean>;
}

/** Shorter blocks than this are no news for deadlines in whole milliseconds. */
const BLOCK_MS_MIN = 1;
/** The server drops a client that leaves its pings unanswered; deploy/nats lets ten seconds pass, other servers may be stricter. */
const LONG_BLOCK_MS = 1_500;
/** A stream of requests that never ends must not keep those that came first from their run. */
const LOOKS_MAX = 8;

export interface RunLoopParts {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly transit: Pick<Transit, 'ofMessage' | 'measure'>;
  /** What must not wait until the loop is free again. */
  readonly beforeBlock: () => void;
  readonly afterLongBlock: () => Promise<void>;
}

export class RunLoop {
  private readonly waiting: Turn[] = [];
  private readonly listed = new Set<Turn>();
  private running = false;
  private unreadMs = 0;

  constructor(private readonly parts: RunLoopParts) {}

  /** How long a message that is being read now may have lain unread: as long as the run that ended just before, or as the one before it did. */
  unreadMsMax(nowMs: number): number {
    return Math.max(this.unreadMs, this.parts.transit.ofMessage(nowMs));
  }

  wake(turn: Turn): void {
    if (this.listed.has(turn)) return;
    this.listed.add(turn);
    this.waiting.push(turn);
    if (this.running) return;
    this.running = true;
    // In a microtask the bus client has handed over every message of the same socket read: they make one batch. A lone
    // request waits for nothing else.
    queueMicrotask(() => void this.takeTurns());
  }

  /** Wraps what keeps the event loop from reading: runs, and the making of sessions. */
  async blocking<T>(work: () => Promise<T>): Promise<T> {
    const { clock, beforeBlock, afterLongBlock } = this.parts;
    const startedMs = clock.monotonicMs();
    // The library runs in an immediate, and until then the loop reads what came: what it has to say to that goes out first.
    setImmediate(beforeBlock);
    try {
      return await work();
    } finally {
      const blockedMs = clock.monotonicMs() - startedMs;
      if (blockedMs >= BLOCK_MS_MIN) {
        this.unreadMs = blockedMs;
        // Sockets are read before immediates run: by then everything that waited has been read with this mark on it.
        setImmediate(() => {
          if (this.unreadMs === blockedMs) this.unreadMs = 0;
        });
      }
      // Before anything is published: on a connection that the server has given up it would vanish.
      if (blockedMs >= LONG_BLOCK_MS) await afterLongBlock();
    }
  }

  /**
   * Who came with others comes at the head of a burst: one read of a socket brings some twenty requests, and runs of twenty cost more than one of sixty.
   * As long as each look brings more, the loop reads on. A lone request waits for nothing.
   */
  private async readBurst(): Promise<void> {
    const [turn] = this.waiting;
    for (let had = 1, looks = 0; turn && looks < LOOKS_MAX; looks++) {
      const { waiting, runMax } = turn;
      if (waiting <= had || waiting >= runMax) return;
      had = waiting;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  private async takeTurns(): Promise<void> {
    await this.readBurst();
    for (let turn = this.waiting.shift(); turn !== undefined; turn = this.waiting.shift()) {
      this.listed.delete(turn);
      if (await turn.runOnce()) {
        this.wake(turn);
        this.parts.transit.measure();
      }
      // What came during the run is read before the next one is chosen: it may share it, go first, or call something off.
      if (this.waiting.length > 0) {
        await new Promise<void>((resolve) => setImmediate(resolve));
        await this.readBurst();
      }
    }
    this.running = false;
  }
}
