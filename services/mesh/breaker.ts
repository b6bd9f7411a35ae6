// opossum, wrapped once, in three words: a breaker is passing(), blocked() or probing(). One guards each (caller, replica) pair
// and each call to the outside. An admitted call must be settled, or a probe would block for ever.
import { EventEmitter } from 'node:events';
import CircuitBreaker from 'opossum';
import { failure } from '../../contracts/errors.js';
import type { Clock } from './clock.js';
import type { Random } from './random.js';
import type { Policy } from './stack.js';

/** How an admitted call ended. `abandoned` says nothing about the other side: the caller went away. */
export type BreakerOutcome = 'succeeded' | 'failed' | 'abandoned';
export type Settle = (outcome: BreakerOutcome) => void;

// opossum's defaults open at the first failure and stay open half a minute; see the data plane's numbers in docs.
const SETTINGS = {
  timeout: false,
  errorThresholdPercentage: 50,
  volumeThreshold: 20,
  rollingCountTimeout: 10_000,
  rollingCountBuckets: 10,
  rollingPercentilesEnabled: false, // reading them with 320,000 latencies blocked the loop for 26 ms
  enableSnapshots: false,
} as const;
const RESET_MS = 1_000;
/** From blocked to the end of its probe, where that is answered: the reset with its jitter, and a second for the answer. */
export const PROBED_WITHIN_MS = 1.5 * RESET_MS + 1_000;
const ROTATE_MS = SETTINGS.rollingCountTimeout / SETTINGS.rollingCountBuckets;

type Hold = (settle: Settle) => void;
type Circuit = CircuitBreaker<[Hold], void>;

export interface BreakersOptions {
  readonly resetMs?: number;
  /** Told when one that was open lets everybody through again. */
  readonly closed?: () => void;
}

/** Makes breakers that share one timer for their rolling windows. Close it with the process. */
export class Breakers {
  private readonly rotation = new EventEmitter().setMaxListeners(0);
  private readonly stopRotation: () => void;
  private readonly made = new Set<Breaker>();

  constructor(
    clock: Clock,
    private readonly random: Random,
    private readonly options: BreakersOptions = {},
  ) {
    this.stopRotation = clock.every(ROTATE_MS, () => this.rotation.emit('rotate'));
  }

  make(name: string): Breaker {
    const { resetMs = RESET_MS, closed = ignore } = this.options;
    const circuit: Circuit = new CircuitBreaker<[Hold], void>(admitted, {
      ...SETTINGS,
      name,
      resetTimeout: resetMs * (1 + this.random() / 2), // probes of many callers do not come at once
      rotateBucketController: this.rotation,
      errorFilter: (reason: unknown) => reason === 'abandoned' && !circuit.halfOpen,
    });
    circuit.on('close', closed);
    const breaker = new Breaker(circuit, () => this.made.delete(breaker));
    this.made.add(breaker);
    return breaker;
  }

  close(): void {
    this.stopRotation();
    for (const breaker of this.made) breaker.close();
  }
}

export class Breaker {
  constructor(
    private readonly circuit: Circuit,
    private readonly forget: () => void,
  ) {}

  passing(): boolean {
    return this.circuit.closed;
  }

  /** Nothing gets through: open, or the one probe is under way. */
  blocked(): boolean {
    return !this.circuit.closed && !this.circuit.pendingClose;
  }

  probing(): boolean {
    return this.circuit.halfOpen;
  }

  /** The call's settle, or undefined when it may not be made. */
  admit(): Settle | undefined {
    if (this.blocked()) return undefined;
    let settle: Settle | undefined;
    this.circuit.fire((given) => (settle = given)).catch(ignore); // its outcome is for opossum alone
    return settle;
  }

  /** An answer came late, while it was blocked: as good as a probe. */
  vouch(): void {
    if (this.circuit.opened) this.circuit.close();
  }

  close(): void {
    this.forget();
    this.circuit.shutdown();
  }
}

/** For handlers in a stack: failures that are worth a retry count, refusals of bad requests do not. */
export const breaker =
  (guard: Breaker): Policy =>
  (next) =>
  async (request, signal) => {
    const settle = guard.admit();
    if (!settle) throw failure('BREAKER_OPEN', 'It failed too often lately.');
    try {
      const answer = await next(request, signal);
      settle('succeeded');
      return answer;
    } catch (error) {
      settle(isTheirFault(error) ? 'failed' : 'abandoned');
      throw error;
    }
  };

const isTheirFault = (error: unknown): boolean =>
  !(error instanceof Error && 'http' in error && typeof error.http === 'number' && error.http < 500);

const ignore = () => undefined;

function admitted(hold: Hold): Promise<void> {
  return new Promise((resolve, reject: (reason: BreakerOutcome) => void) => {
    hold((outcome) => (outcome === 'succeeded' ? resolve() : reject(outcome)));
  });
}
