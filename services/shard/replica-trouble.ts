// Decides what follows when a replica could not be loaded or took its engine down: again at once, isolated, or given up for a
// while. A replica in trouble never holds up or endangers its neighbours.
import type { ErrorCode } from '../../contracts/errors.js';
import { type Backoff, backoffMs } from '../mesh/backoff.js';
import type { Random } from '../mesh/random.js';

export interface Trouble {
  /** Loads that failed one after the other. */
  readonly failedLoads: number;
  /** When it was running as its engine died or was killed; only those of the last window. */
  readonly crashesAtMs: readonly number[];
  /** May not share an engine any more. */
  readonly suspect: boolean;
}

export const noTrouble: Trouble = { failedLoads: 0, crashesAtMs: [], suspect: false };

export type Verdict =
  | { readonly kind: 'again'; readonly afterMs: number }
  /** State `failed` with the reason; tried again after a long while, because policies, stores and machines change. */
  | { readonly kind: 'failed'; readonly afterMs: number };

const TRIES = 3;
/** Three crashes in a minute are no accident. */
const CRASHES = 3;
const CRASH_WINDOW_MS = 60_000;
const SOON: Backoff = { firstMs: 200, maxMs: 2_000, jitter: 0.2 };
const LONG: Backoff = { firstMs: 30_000, maxMs: 600_000, jitter: 0.2 };

/** These do not go away by themselves: no use in three tries. */
const HOPELESS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'UNSIGNED',
  'MODEL_REFUSED',
  'MODEL_FAILED',
  'DEVICE_UNAVAILABLE',
]);
/** The world's fault, not the version's: tried again and again, never `failed`. */
const PATIENT: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['UNAVAILABLE', 'VERSION_UNKNOWN']);

export const afterFailedLoad = (before: Trouble): Trouble => ({
  ...before,
  failedLoads: before.failedLoads + 1,
});

export const afterLoad = (before: Trouble): Trouble => ({ ...before, failedLoads: 0 });

/** It was the one that ran. From then on it is alone with its doings. */
export function afterCrash(before: Trouble, nowMs: number): Trouble {
  const recent = before.crashesAtMs.filter((atMs) => nowMs - atMs < CRASH_WINDOW_MS);
  return { ...before, crashesAtMs: [...recent, nowMs], suspect: true };
}

export function afterFailure(trouble: Trouble, code: ErrorCode, random: Random): Verdict {
  const { failedLoads } = trouble;
  if (PATIENT.has(code)) return { kind: 'again', afterMs: backoffMs(failedLoads - 1, SOON, random) };
  if (HOPELESS.has(code)) return { kind: 'failed', afterMs: backoffMs(failedLoads - 1, LONG, random) };
  if (failedLoads < TRIES) return { kind: 'again', afterMs: backoffMs(failedLoads - 1, SOON, random) };
  return { kind: 'failed', afterMs: backoffMs(failedLoads - TRIES, LONG, random) };
}

export function afterLoss(trouble: Trouble, nowMs: number, random: Random): Verdict {
  const crashes = trouble.crashesAtMs.filter((atMs) => nowMs - atMs < CRASH_WINDOW_MS).length;
  if (crashes >= CRASHES) return { kind: 'failed', afterMs: backoffMs(0, LONG, random) };
  return { kind: 'again', afterMs: 0 };
}
