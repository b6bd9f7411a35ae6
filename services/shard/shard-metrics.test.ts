import { expect, test } from 'vitest';
import type { ReplicaReport } from '../../contracts/heartbeat.js';
import { Metrics } from '../mesh/telemetry.js';
import { aReplica } from '../mesh/testing/a-replica.js';
import { FakeClock } from '../mesh/testing/fake-clock.js';
import { shardMetrics } from './shard-metrics.js';

const replica = (id: string, served: number): ReplicaReport => aReplica(id, { model: 'ocr', served });

test('each replica has its lines while it is there, with what the last beat said', async () => {
  const metrics = new Metrics({ instance: 'shard-a' }, new FakeClock());
  const observed = shardMetrics(metrics);
  const beat = (replicas: ReplicaReport[]) =>
    observed({
      shard: 'shard-a',
      region: 'east',
      state: 'ready',
      device: { kind: 'cpu', cores: 1, memoryBytes: 1 },
      engines: [],
      replicas,
    });
  beat([replica('one', 1), replica('two', 2)]);
  beat([replica('one', 1), replica('two', 5)]);
  beat([replica('two', 5)]);
  const lines = (await metrics.text())
    .split('\n')
    .filter((line) => line.startsWith('massif_replica_served{'));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/replica="two".* 5$/);
});
