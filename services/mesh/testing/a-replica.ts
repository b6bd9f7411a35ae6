// A replica as its shard reports it, for tests of those who listen: everything has a value, and a test names only what matters to it.
import type { ReplicaReport } from '../../../contracts/heartbeat.js';

export const aReplica = (id: string, more: Partial<ReplicaReport> = {}): ReplicaReport => ({
  id,
  model: id,
  version: 'a'.repeat(64),
  state: 'ready',
  inFlight: 0,
  capacity: 4,
  latencyMs: 3,
  batchMax: 1,
  served: 0,
  failed: 0,
  epoch: 1,
  ...more,
});
