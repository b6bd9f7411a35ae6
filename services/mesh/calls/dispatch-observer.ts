// What a dispatcher tells of its work, for those who count: policies say what happened, metrics wrap them.
import type { ErrorCode } from '../../../contracts/errors.js';
import type { ShadowObserver } from './shadow-mirror.js';
import type { FlightEnd } from '../routing/replica-entry.js';

export type AttemptKind = 'first' | 'retry' | 'hedge';

export interface AttemptEnded {
  readonly endpoint: string;
  readonly label: string;
  readonly replica: string;
  readonly shard: string;
  readonly kind: AttemptKind;
  readonly end: FlightEnd;
  readonly latencyMs: number;
}

export interface CallEnded {
  readonly endpoint: string;
  /** Of the version that answered, or was asked last; '' when none was. */
  readonly label: string;
  readonly shard: string;
  readonly code: 'OK' | ErrorCode;
  readonly latencyMs: number;
  readonly attempts: number;
}

export interface DispatchObserver extends ShadowObserver {
  attemptEnded?(attempt: AttemptEnded): void;
  callEnded?(call: CallEnded): void;
}
