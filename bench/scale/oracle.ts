// What somebody who knows the future would do: every ten seconds the smallest whole number of replicas, ready at once, with which no
// request that waits or comes in those seconds is slow. Nobody can be sure to do as well; the benchmark says how close we come.
import { type Arrival, QueueSimulator } from '../../services/autoscaler/testing/queue-simulator.js';

export const ORACLE_STEP_MS = 10_000;

export function oracle(load: readonly Arrival[], slowdownMax: number): { replicaMs: number; slow: number } {
  const endMs = load.at(-1)?.atMs ?? 0;
  let queue = new QueueSimulator(load, { startMs: 0, slowdownMax, initial: 1 });
  for (let atMs = 0; atMs < endMs; atMs += ORACLE_STEP_MS) {
    const untilMs = Math.min(endMs, atMs + ORACLE_STEP_MS);
    const attempt = (replicas: number) => {
      const after = queue.clone();
      after.scale(replicas);
      after.advance(untilMs);
      const rest = after.clone();
      rest.advance(Infinity, true);
      return { after, slow: rest.slow - queue.slow };
    };
    let [enough, tooFew] = [1, 0];
    let best = attempt(enough);
    while (best.slow > 0 && enough < 4_096) {
      tooFew = enough;
      enough *= 2;
      best = attempt(enough);
    }
    while (enough - tooFew > 1) {
      const middle = (enough + tooFew) >> 1;
      const tried = attempt(middle);
      if (tried.slow > best.slow) tooFew = middle;
      else {
        enough = middle;
        best = tried;
      }
    }
    queue = best.after;
  }
  return { replicaMs: queue.replicaMs, slow: queue.slow };
}
