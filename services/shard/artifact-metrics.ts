// Where a shard's artifacts came from and what it gave to others, for Prometheus: a store that sends more than one copy of an artifact to a
// region shows here.
import type { Metrics } from '../mesh/telemetry.js';

export interface ArtifactMetrics {
  /** `source`: `peers`, or the bucket of a store. */
  readonly fetched: (source: string, bytes: number) => void;
  readonly gave: (bytes: number) => void;
}

export function artifactMetrics(metrics: Metrics): ArtifactMetrics {
  const labels = ['source'];
  const fetches = metrics.counter('massif_shard_artifacts_fetched', {
    help: 'Artifacts fetched to this disk, by where they came from.',
    labels,
  });
  const bytesFetched = metrics.counter('massif_shard_artifact_fetched_bytes', {
    help: 'Their bytes.',
    labels,
  });
  const bytesGiven = metrics.counter('massif_shard_artifact_given_bytes', {
    help: 'Bytes of artifacts given to other shards of the region.',
  });
  return {
    fetched: (source, bytes) => {
      fetches.inc({ source });
      bytesFetched.inc({ source }, bytes);
    },
    gave: (bytes) => bytesGiven.inc({}, bytes),
  };
}
