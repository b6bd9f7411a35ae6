// Sends requests on a fixed schedule whatever comes back: a closed loop would slow down exactly when the mesh does, and hide it.
import type { Ledger } from './ledger.js';

export interface Caller {
  readonly name: string;
  readonly perSecond: number;
  /** Resolves with the attempts used, or throws something with a `code`. */
  call(id: string, n: number): Promise<{ attempts: number }>;
}

/** Runs until the signal aborts; resolves when every request has ended. */
export async function openLoop(
  callers: readonly Caller[],
  ledger: Ledger,
  signal: AbortSignal,
): Promise<void> {
  await Promise.all(callers.map((caller) => runCaller(caller, ledger, signal)));
}

async function runCaller(caller: Caller, ledger: Ledger, signal: AbortSignal): Promise<void> {
  const started = performance.now();
  const pending = new Set<Promise<void>>();
  let sent = 0;
  while (!signal.aborted) {
    const due = Math.floor(((performance.now() - started) / 1000) * caller.perSecond);
    for (; sent < due; sent++) {
      const one = send(caller, ledger, sent).finally(() => pending.delete(one));
      pending.add(one);
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await Promise.all(pending);
}

async function send(caller: Caller, ledger: Ledger, n: number): Promise<void> {
  const id = `${caller.name}-${n}`;
  const entry = ledger.open(id, caller.name, performance.now());
  try {
    const { attempts } = await caller.call(id, n);
    ledger.close(entry, performance.now(), { attempts });
  } catch (error) {
    ledger.close(entry, performance.now(), { code: codeOf(error) });
  }
}

function codeOf(error: unknown): string {
  if (error !== null && typeof error === 'object' && 'code' in error && typeof error.code === 'string')
    return error.code;
  return error instanceof Error ? error.name : 'unknown';
}
