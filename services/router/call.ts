// One caller's request while the router has it, and each try to get it answered.
import type { Sequence } from '../../contracts/body-parameters.js';
import type { Failure } from '../../contracts/errors.js';
import type { Trip } from '../mesh/replica-entry.js';
import type { CallEvidence } from '../mesh/evidence/call-evidence.js';
import type { HedgeAfter } from '../mesh/hedge-delay.js';
import type { RequestHead } from '../mesh/request-head.js';

/** As it came through the door; nothing of it changes. */
export interface Asked {
  readonly endpoint: string;
  readonly version: string | undefined;
  readonly head: RequestHead;
  readonly requestId: string;
  /** The caller's inbox: engines answer there, and so do we. */
  readonly replyTo: string;
  readonly body: Uint8Array;
}

/** `waiting`: nobody can be asked just now. `over`: answered or refused. */
export type CallState = 'under way' | 'waiting' | 'over';

export class Call {
  state: CallState = 'under way';
  attempts = 0;
  /** Attempts that may still bring an answer, the late ones too. */
  hopes = 0;
  /** How often it found nobody to ask and looked again. */
  waits = 0;
  /** Attempts that were not answered in their time. */
  timedOut = 0;
  wakeAtMs = 0;
  hedged = false;
  /** A replica that may have the sequence could not be asked. */
  missed = false;
  /** Of the version that was chosen last. */
  label = '';
  /** Of an endpoint whose arms are compared. */
  evidence: CallEvidence | undefined;
  /** `<epoch>.<arm>` of the last attempt, there. */
  arm: string | undefined;
  /** Why the last attempt failed. */
  last: Failure | undefined;
  tried: Set<string> | undefined;

  constructor(
    readonly asked: Asked,
    /** The header lines that are the same in each attempt. */
    readonly steady: string,
    readonly arrivedMs: number,
    readonly timeoutMs: number,
    readonly hedgeAfterMs: number | undefined,
    /** What the endpoint says of hedging; its latencies are counted where that is needed. */
    readonly hedging: HedgeAfter | undefined,
    /** At an endpoint that keeps them. */
    readonly sequence?: Sequence,
  ) {}

  get deadlineMs(): number {
    return this.arrivedMs + this.timeoutMs;
  }

  avoid(replica: string): void {
    (this.tried ??= new Set()).add(replica);
  }
}

export type Extra = 'retry' | 'hedge';

export interface Attempt {
  /** The last part of the reply subject: what comes back carries it. */
  readonly token: string;
  readonly call: Call;
  readonly flight: Trip;
  /** From here on it is late: its flight has ended as timed out and others are tried, but its answer is still welcome. */
  lateAtMs: number;
  /** Beyond the first: paid from the budget of its kind. */
  readonly extra: Extra | undefined;
}
