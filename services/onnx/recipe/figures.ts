// What a model takes: bytes, latency, throughput. Parent and candidate run in turns, so that whatever else the machine does hits
// both, each round in another order: who comes right after a model of 50 MB finds the caches full of that. The guard of
// compression judges by it.
import { permutation } from '../data/split.js';
import { openSession, type Tensors } from '../session.js';

export interface Figures {
  readonly bytes: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Runs in a second, one after the other on one thread. */
  readonly perSecond: number;
}

const WARM_UP = 3;

/** In step with `models`. Single-threaded. */
export async function figuresOf(
  models: readonly Uint8Array[],
  feeds: Tensors,
  rounds: number,
): Promise<Figures[]> {
  const sessions = await Promise.all(models.map((model) => openSession(model)));
  try {
    const samples = models.map((): number[] => []);
    for (let round = -WARM_UP; round < rounds; round++) {
      for (const i of permutation(sessions.length, round + WARM_UP)) {
        const from = performance.now();
        await sessions[i]?.run(feeds);
        if (round >= 0) samples[i]?.push(performance.now() - from);
      }
    }
    return samples.map((list, i): Figures => {
      const sorted = list.sort((a, b) => a - b);
      const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
      const total = sorted.reduce((a, b) => a + b, 0);
      return {
        bytes: models[i]?.length ?? 0,
        p50Ms: at(0.5),
        p99Ms: at(0.99),
        perSecond: (1_000 * sorted.length) / total,
      };
    });
  } finally {
    for (const session of sessions) await session.close();
  }
}
