// Decides when an engine is stuck. A run blocks an engine's loop and a message at the beginning of every run would cost as much as
// a small model, so the host asks instead: a ping over the pipe a few times a second, answered with the engine's counters.
// An engine in a long run answers late, a stuck one never; what tells them apart is the run limit of the model that it noted as
// its last. The host counts its own time: after a pause of the whole machine nobody is stuck.

export const PING_MS = 250;

export interface EngineWatch {
  readonly pongs: number;
  readonly silentMs: number;
}

export const freshWatch: EngineWatch = { pongs: 0, silentMs: 0 };

/** One look. `pongs` only grows; `elapsedMs` is the time since the last look. */
export function look(before: EngineWatch, pongs: number, elapsedMs: number): EngineWatch {
  if (pongs !== before.pongs) return { pongs, silentMs: 0 };
  // A host that slept itself (stopped, starved) has not heard silence for all that time.
  return { pongs, silentMs: before.silentMs + Math.min(elapsedMs, 2 * PING_MS) };
}

/** `limitMs` is that of the work the engine may be in: a run, a load, its start. */
export const isStuck = ({ silentMs }: EngineWatch, limitMs: number): boolean => silentMs > limitMs;
