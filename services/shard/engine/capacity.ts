// Decides how many requests a replica holds before it answers MAILBOX_FULL: about as many as it can finish before callers
// stop caring, so that a slow model refuses early, where another replica can still help.

/** The wait that a full mailbox stands for. */
const QUEUE_MS = 2_000;
/** A few even for a model of many seconds: one running, one next, and room for a retry. */
const CAPACITY_MIN = 4;

export function decideCapacity(itemMs: number, capacityMax: number): number {
  const held = Math.floor(QUEUE_MS / Math.max(itemMs, 0.001));
  return Math.max(Math.min(held, capacityMax), Math.min(CAPACITY_MIN, capacityMax));
}
