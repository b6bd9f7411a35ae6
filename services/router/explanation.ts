// A routing decision in words: what the route would do with a request now, and what it thinks of each replica.
import type { Explanation, ExplainRequest } from '../../contracts/explain.js';
import { WEIGHT_TOTAL } from '../../contracts/traffic.js';
import { type ReplicaView, TIERS, tierOf } from '../mesh/route.js';
import type { RouteView } from '../mesh/route-view.js';

/** A mesh of a thousand shards is not one answer. */
const CANDIDATES_MAX = 200;

export function explain(
  view: Pick<RouteView, 'region' | 'endpoint' | 'replicas' | 'route'>,
  endpoint: string,
  { user, version, tenant, headers }: ExplainRequest,
): Explanation {
  const decision = view.route({ endpoint, user, version, tenant, headers }, true);
  const cacheS = view.endpoint(endpoint)?.cacheS;
  const kept = cacheS === undefined ? [] : [`answers to the same inputs are kept for ${cacheS} s`];
  const shadow = version === undefined ? view.endpoint(endpoint)?.shadow : undefined;
  const common = {
    endpoint,
    region: view.region,
    reasons: [
      ...decision.reasons,
      ...(shadow ? [`of ${shadow.share} in ${WEIGHT_TOTAL} requests a copy goes to ${shadow.arm}`] : []),
      ...kept,
    ],
    ...(shadow && { shadow: { arm: shadow.arm, share: shadow.share } }),
  };
  if (decision.kind === 'replica')
    return {
      ...common,
      version: decision.version,
      label: decision.label,
      arm: decision.arm,
      epoch: decision.epoch,
      ...(decision.rule === undefined ? {} : { rule: decision.rule }),
      ...(decision.bucket === undefined ? {} : { bucket: decision.bucket }),
      replica: decision.replica.id,
      candidates: reports(view.replicas(decision.version), view.region),
    };
  const replicas =
    view.endpoint(endpoint)?.variants.flatMap((variant) => view.replicas(variant.version)) ?? [];
  return {
    ...common,
    refusal: decision.code,
    reasons: [...decision.reasons, decision.message],
    candidates: reports(replicas, view.region),
  };
}

const reports = (replicas: readonly ReplicaView[], region: string): Explanation['candidates'] =>
  replicas.slice(0, CANDIDATES_MAX).map((replica) => ({
    replica: replica.id,
    shard: replica.shard,
    region: replica.region,
    inFlight: replica.inFlight,
    latencyMs: Math.round(replica.latencyMs * 1e3) / 1e3,
    verdict: verdict(replica, region),
  }));

function verdict(replica: ReplicaView, region: string): string {
  const tier = tierOf(replica, region);
  return typeof tier === 'string' ? tier : (TIERS[tier] ?? 'eligible');
}
