// Metrics of shadow traffic, for router and gateway alike.
import type { ShadowObserver } from './shadow-mirror.js';
import type { Metrics } from '../telemetry.js';

export function shadowCounter(metrics: Metrics): Required<ShadowObserver> {
  const pairs = metrics.counter('massif_shadow_pairs_total', {
    help: 'Answers of a shadow arm held against the real ones, by how they compare.',
    labels: ['endpoint', 'arm', 'outcome'],
  });
  const dropped = metrics.counter('massif_shadow_dropped_total', {
    help: 'Copies for a shadow arm that there was no room for.',
    labels: ['endpoint'],
  });
  return {
    shadowed: ({ endpoint, arm, failed, disagreed }) =>
      pairs.inc({ endpoint, arm, outcome: failed ? 'failed' : disagreed ? 'disagreed' : 'agreed' }),
    shadowDropped: (endpoint) => dropped.inc({ endpoint }),
  };
}
