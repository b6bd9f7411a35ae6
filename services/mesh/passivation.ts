// Which idle actors are put to sleep: those idle for long, and when memory runs short the longest idle first. Pure; the actor system
// asks every few seconds. A message wakes an actor again.

export interface Sleeper {
  readonly address: string;
  /** Since its last message ended; 0 while it has any. */
  readonly idleMs: number;
}

const IDLE_MS = 15 * 60_000;
/** Above this share of the memory limit a tenth of the idle ones go at a time, until it is below. */
const MEMORY_SHARE_MAX = 0.8;
const SHARE_AT_ONCE = 0.1;

export function toPassivate(actors: readonly Sleeper[], memoryShare: number, idleMs = IDLE_MS): string[] {
  const idle = actors.filter((actor) => actor.idleMs > 0).toSorted((a, b) => b.idleMs - a.idleMs);
  const old = idle.filter((actor) => actor.idleMs >= idleMs).length;
  const pressed = memoryShare > MEMORY_SHARE_MAX ? Math.ceil(idle.length * SHARE_AT_ONCE) : 0;
  return idle.slice(0, Math.max(old, pressed)).map(({ address }) => address);
}
