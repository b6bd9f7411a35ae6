// Asks the engines of a shard what their replicas counted. An engine in a long run answers after it: then the counts of the last
// answer stand, so that whoever asks waits for nobody. shard.ts answers operators and gateways with it.
import type { ReplicaStatistics } from '../../contracts/statistics.js';
import type { Clock } from '../mesh/clock.js';
import type { HostedReplica } from './hosted-replica.js';

const ANSWER_MS = 1_000;

export async function askStatistics(
  replicas: readonly HostedReplica[],
  clock: Pick<Clock, 'sleep'>,
): Promise<ReplicaStatistics[]> {
  const engines = new Set(replicas.flatMap(({ engine }) => (engine === undefined ? [] : [engine])));
  const enough = new AbortController();
  const late = clock.sleep(ANSWER_MS, enough.signal).catch(() => undefined);
  const asked = [...engines].map(async (engine) => {
    const counted = await engine.handle.statistics().catch(() => []);
    for (const one of counted)
      replicas.find(({ id, engine: now }) => id === one.replica && now === engine)?.heard(one);
  });
  await Promise.race([Promise.all(asked), late]);
  enough.abort();
  return replicas.map((replica) => replica.statistics());
}
