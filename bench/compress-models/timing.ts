// Latency of several models that do the same, run in turns so that whatever else the machine does hits all alike.
import { openSession, type Tensors } from '../../services/onnx/session.js';
import { percentile } from '../report.js';

/** Milliseconds of one run on one thread, the median of `rounds` turns each. In step with `models`. */
export async function medianMs(
  models: readonly Uint8Array[],
  feeds: Tensors,
  rounds: number,
): Promise<number[]> {
  const sessions = await Promise.all(models.map((model) => openSession(model)));
  const samples = models.map((): number[] => []);
  for (const session of sessions) for (let i = 0; i < 3; i++) await session.run(feeds);
  for (let round = 0; round < rounds; round++) {
    for (const [i, session] of sessions.entries()) {
      const from = performance.now();
      await session.run(feeds);
      samples[i]?.push(performance.now() - from);
    }
  }
  for (const session of sessions) await session.close();
  return samples.map((list) => percentile(list, 0.5));
}
