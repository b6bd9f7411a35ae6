// Decides whether a request may still run. A deadline travels as the milliseconds that were left when the message was sent;
// the engine subtracts how long it held the message. What it cannot know is how long a message lay in the socket while a run
// blocked the loop, only that it was at most as long as that run: a message that may have expired there is refused with a
// retryable code instead of being run.

export interface Held {
  /** Monotonic time at which the message was read. */
  readonly readAtMs: number;
  /** How long it may have lain unread before. */
  readonly unreadMsMax: number;
  readonly timeoutMs: number;
}

export type TimeLeft = 'enough' | 'unsure' | 'expired';

/** For the way home: a part of the whole time, since a caller far away gives more of it. */
const HOME_SHARE = 0.02;
const HOME_MS_MAX = 2;

export function timeLeft(held: Held, nowMs: number): TimeLeft {
  const heldMs = nowMs - held.readAtMs;
  if (heldMs >= held.timeoutMs) return 'expired';
  return heldMs + held.unreadMsMax >= held.timeoutMs ? 'unsure' : 'enough';
}

/** Milliseconds until its answer must leave to be in time, at the worst. */
export const answerByMs = ({ readAtMs, unreadMsMax, timeoutMs }: Held, nowMs: number): number =>
  timeoutMs - (nowMs - readAtMs) - unreadMsMax - Math.min(timeoutMs * HOME_SHARE, HOME_MS_MAX);
