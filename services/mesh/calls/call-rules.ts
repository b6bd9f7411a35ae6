// What a call may do beyond its first attempt. A dispatcher has the caller at its side and waits with it as long as there is time; a
// router has callers of all kinds, among them NATS clients that wait for a second, and tells early.
import type { ErrorCode } from '../../../contracts/errors.js';

export interface CallRules {
  /** Retries may be switched off, for a control run. */
  readonly retries: boolean;
  /** Replicas asked for one request. */
  readonly attemptsMax: number;
  /** Replicas that may go away with one call in their hands: a request that takes every engine with it must not be handed to all of them. */
  readonly lossesMax: number;
  /** How often it may find nobody to ask and look again. */
  readonly waitsMax: number;
  /** How long a call that was never sent looks for somebody, inside its deadline. */
  readonly unsentMsMax: number;
  /**
   * Waits for room where all are full, and to its deadline where retries are used up; what replaces an attempt that was lost needs no
   * budget. The impatient tell their caller at once: whoever waits there only makes the wait of all longer.
   */
  readonly patient: boolean;
}

const NEVER = Number.POSITIVE_INFINITY;

export const DISPATCHER_RULES: CallRules = {
  retries: true,
  attemptsMax: NEVER,
  lossesMax: 4,
  waitsMax: NEVER,
  unsentMsMax: 5_000,
  patient: true,
};

export const ROUTER_RULES: CallRules = {
  retries: true,
  attemptsMax: 4,
  lossesMax: NEVER,
  // A spare engine is up within 100 ms, a new shard within seconds.
  waitsMax: 8,
  // Before the second has passed that NATS clients wait by default: a coded answer is worth more than a bare time-out.
  unsentMsMax: 800,
  patient: false,
};

const OVERLOAD: ReadonlySet<ErrorCode> = new Set(['MAILBOX_FULL', 'RATE_LIMITED']);
export const isOverload = (code: ErrorCode | undefined): boolean => code !== undefined && OVERLOAD.has(code);
