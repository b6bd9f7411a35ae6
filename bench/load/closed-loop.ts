// Callers that each wait for their answer before they ask again, for a time. Benchmarks that compare paths side by side use it.
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../../contracts/errors.js';

export type Call = (n: number) => Promise<unknown>;

export interface ClosedLoop {
  /** Answers a second. */
  readonly rps: number;
  /** Refusals that a later try may make good: another program that takes the cores makes an engine hold back. */
  readonly refused: number;
}

const AGAIN_MS = 20;
/** Who is refused for that long is refused for a reason that the benchmark shall end with. */
const REFUSED_MS_MAX = 15_000;

/** A closed loop; adds the microseconds of each answer to the samples, refusals before it included. Throws what no later try makes good. */
export async function closedLoop(
  call: Call,
  depth: number,
  seconds: number,
  samples: number[],
): Promise<ClosedLoop> {
  const started = performance.now();
  const until = started + seconds * 1_000;
  let n = 0;
  let answered = 0;
  let refused = 0;
  await Promise.all(
    Array.from({ length: depth }, async () => {
      let from = performance.now();
      while (from < until) {
        try {
          await call(n++);
        } catch (error) {
          const again = error instanceof Failure && error.retryable;
          if (!again || performance.now() - from > REFUSED_MS_MAX) throw error;
          refused++;
          await sleep(AGAIN_MS);
          continue;
        }
        const now = performance.now();
        samples.push((now - from) * 1_000);
        answered++;
        from = now;
      }
    }),
  );
  return { rps: (answered / (performance.now() - started)) * 1_000, refused };
}
