// Counts what the gateway's calls cost beyond their first attempt, what became of their copies for a shadow, and how long attempts take on each shard as seen from here.
import type { DispatchObserver } from '../mesh/calls/dispatch-observer.js';
import { shadowCounter } from '../mesh/calls/shadow-counter.js';
import type { Metrics } from '../mesh/telemetry.js';

export function attemptCounter(metrics: Metrics): DispatchObserver {
  const extra = metrics.counter('massif_extra_attempts_total', {
    help: 'Attempts beyond the first, by what they were for.',
    labels: ['door', 'kind'],
  });
  const seconds = metrics.histogram('massif_attempt_seconds', {
    help: 'From sending a request to a replica to its answer or its end.',
    labels: ['endpoint', 'version', 'shard', 'end'],
  });
  return {
    ...shadowCounter(metrics),
    attemptEnded: ({ endpoint, label, shard, kind, end, latencyMs }) => {
      if (kind !== 'first') extra.inc({ door: 'rest', kind });
      seconds.observe({ endpoint, version: label, shard, end }, latencyMs / 1e3);
    },
  };
}
