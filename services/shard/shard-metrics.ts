// The shard's numbers for Prometheus, taken at each heartbeat. Requests are counted by router and gateway, which see their
// callers; here it is engines and replicas.
import { type ReplicaReport, ReplicaState } from '../../contracts/heartbeat.js';
import type { Metrics } from '../mesh/telemetry.js';
import type { Pulse } from './heartbeats.js';

export function shardMetrics(metrics: Metrics): (pulse: Pulse) => void {
  const replicas = metrics.gauge('massif_shard_replicas', {
    help: 'Replicas on this shard by state.',
    labels: ['state'],
  });
  const engines = metrics.gauge('massif_shard_engines', {
    help: 'Engine processes by state.',
    labels: ['state'],
  });
  const memory = metrics.gauge('massif_shard_engine_resident_bytes', {
    help: 'Memory of all engines in RAM.',
  });
  const labels = ['model', 'version', 'replica'];
  const served = metrics.gauge('massif_replica_served', {
    help: 'Requests answered since the host began.',
    labels,
  });
  const failed = metrics.gauge('massif_replica_failed', {
    help: 'Requests refused or failed since then.',
    labels,
  });
  const inFlight = metrics.gauge('massif_replica_in_flight', { help: 'Requests held now.', labels });
  const latency = metrics.gauge('massif_replica_latency_seconds', {
    help: 'Moving average of queue and run.',
    labels,
  });
  const gauges = [served, failed, inFlight, latency];
  /** Of each replica as it was told last: of hundreds most stay as they are, and each that goes takes its lines with it. */
  const shown = new Map<string, Shown>();
  return (pulse) => {
    for (const state of ReplicaState.options)
      replicas.set({ state }, pulse.replicas.filter((replica) => replica.state === state).length);
    for (const state of ['starting', 'ready', 'spare', 'stopping'])
      engines.set({ state }, pulse.engines.filter((engine) => engine.state === state).length);
    memory.set(
      {},
      pulse.engines.reduce((sum, { rssBytes }) => sum + rssBytes, 0),
    );
    const here = new Set(pulse.replicas.map(({ id }) => id));
    for (const [id, { values }] of shown) {
      if (here.has(id)) continue;
      for (const gauge of gauges) gauge.remove(values);
      shown.delete(id);
    }
    for (const replica of pulse.replicas) {
      const before = shown.get(replica.id);
      if (before && isSame(before.replica, replica)) continue;
      const { id, model, version } = replica;
      const values = before?.values ?? { model, version: version.slice(0, 12), replica: id };
      shown.set(id, { values, replica });
      served.set(values, replica.served);
      failed.set(values, replica.failed);
      inFlight.set(values, replica.inFlight);
      latency.set(values, replica.latencyMs / 1_000);
    }
  };
}

interface Shown {
  readonly values: Readonly<Record<string, string>>;
  readonly replica: ReplicaReport;
}

const isSame = (a: ReplicaReport, b: ReplicaReport): boolean =>
  a.served === b.served && a.failed === b.failed && a.inFlight === b.inFlight && a.latencyMs === b.latencyMs;
