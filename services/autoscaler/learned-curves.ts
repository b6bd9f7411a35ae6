// Asks shards for the curves that their engines learned, again and again, and enters them in the book of loads. Of hundreds of replicas it asks
// only of those that ran meanwhile: what all of them count is half a megabyte a shard, which engine, host and autoscaler write and read.
import {
  STATISTICS_VERSIONS_MAX,
  type StatisticsQuery,
  StatisticsReply,
} from '../../contracts/statistics.js';
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
  isNeeded: () => boolean,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(LEARN_EVERY_MS, signal).catch(() => undefined);
    if (!isNeeded() || !bus.connected()) continue;
    for (const [shard, ran] of book.unlearned()) {
      if (signal.aborted) return;
      const query: StatisticsQuery = { versions: ran.slice(0, STATISTICS_VERSIONS_MAX) };
      // One that does not answer is asked again; until then the last curve counts.
      const answer = await bus.nc
        .request(subjects.shardControl(shard, 'statistics'), JSON.stringify(query), { timeout: ASK_MS })
        .catch(() => undefined);
      const learned = answer && readMessage(StatisticsReply, answer.string());
      if (learned) book.learned(learned);
    }
  }
}
