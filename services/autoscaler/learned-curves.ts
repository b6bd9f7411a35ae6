// Asks the shards that hold scaled versions for the curves their engines learned, again and again, and enters them in the book of loads.
import { StatisticsReply } from '../../contracts/statistics.js';
import { subjects } from '../../contracts/subjects.js';
import type { Bus } from '../mesh/bus.js';
import type { Clock } from '../mesh/clock.js';
import { readMessage } from './hearing.js';
import type { LoadBook } from './load-book.js';

const LEARN_EVERY_MS = 5_000;
const ASK_MS = 1_000;

/** Ends when the signal says so. */
export async function learnCurves(
  { bus, clock }: { bus: Bus; clock: Clock },
  book: LoadBook,
  versions: () => ReadonlySet<string>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(LEARN_EVERY_MS, signal).catch(() => undefined);
    const asked = versions();
    for (const shard of asked.size > 0 && bus.connected() ? book.holders(asked) : []) {
      if (signal.aborted) return;
      // One that does not answer is asked again; until then the last curve counts.
      const answer = await bus.nc
        .request(subjects.shardControl(shard, 'statistics'), '{}', { timeout: ASK_MS })
        .catch(() => undefined);
      const learned = answer && readMessage(StatisticsReply, answer.string());
      if (learned) book.learned(learned);
    }
  }
}
