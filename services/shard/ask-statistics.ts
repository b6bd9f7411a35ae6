// Asks the engines of a shard what their replicas counted. An engine in a long run answers after it: then the counts of the last
// answer stand, so that whoever asks waits for nobody. shard.ts answers operators and gateways with it.
import type { ReplicaStatistics } from '../../contracts/statistics.js';
import type { Clock } from '../mesh/clock.js';
import type { HostedReplica } from './hosted-replica.js';
import type { PooledEngine } from './pooled-engine.js';

const ANSWER_MS = 1_000;

export async function askStatistics(
  replicas: readonly HostedReplica[],
  clock: Pick<Clock, 'sleep'>,
): Promise<ReplicaStatistics[]> {
  const byEngine = new Map<PooledEngine, Map<string, HostedReplica>>();
  for (const replica of replicas) {
    if (replica.engine === undefined) continue;
    const held = byEngine.get(replica.engine) ?? new Map<string, HostedReplica>();
    byEngine.set(replica.engine, held.set(replica.id, replica));
  }
  const enough = new AbortController();
  const late = clock.sleep(ANSWER_MS, enough.signal).catch(() => undefined);
  const asked = [...byEngine].map(async ([engine, held]) => {
    const counted = await engine.handle.statistics([...held.keys()]).catch(() => []);
    for (const one of counted) {
      const replica = held.get(one.replica);
      if (replica?.engine === engine) replica.heard(one);
    }
  });
  await Promise.race([Promise.all(asked), late]);
  enough.abort();
  return replicas.map((replica) => replica.statistics());
}
