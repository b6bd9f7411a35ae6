// A routing decision in words: what the route would do with a request now, and what it thinks of each replica.
import type { Explanation, ExplainRequest } from '../../contracts/explain.js';
import type { PipelineRecord } from '../../contracts/pipeline.js';
import { WEIGHT_TOTAL } from '../../contracts/traffic.js';
import { type Decision, type ReplicaView, TIERS, tierOf } from '../mesh/routing/route.js';
import type { RouteView } from '../mesh/routing/route-view.js';

/** A mesh of a thousand shards is not one answer. */
const CANDIDATES_MAX = 200;

export function explain(
  view: Pick<RouteView, 'region' | 'endpoint' | 'pipeline' | 'replicas' | 'route'>,
  endpoint: string,
  { user, version, tenant, headers }: ExplainRequest,
): Explanation {
  const decision = view.route({ endpoint, user, version, tenant, headers }, true);
  const pipeline = view.endpoint(endpoint) ? undefined : view.pipeline(endpoint);
  if (pipeline) return explainPipeline(view, pipeline, decision);
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
  return {
    ...common,
    refusal: decision.code,
    reasons: [...decision.reasons, decision.message],
    candidates: replicasOf(view, endpoint),
  };
}

/** Who could take each step, and who does. */
function explainPipeline(
  view: Pick<RouteView, 'region' | 'endpoint' | 'replicas'>,
  { name, revision, steps }: PipelineRecord,
  decision: Decision,
): Explanation {
  const hops = decision.kind === 'replica' ? decision.steps?.hops : undefined;
  const candidates = steps.flatMap(({ name: step, endpoint }) =>
    replicasOf(view, endpoint).map((report) => ({ step, ...report })),
  );
  return {
    endpoint: name,
    region: view.region,
    label: String(revision),
    ...(hops && { replica: hops[0] }),
    ...(decision.kind === 'refused' && { refusal: decision.code }),
    steps: steps.map(({ name: step, endpoint }, i) => ({
      step,
      endpoint,
      ...(hops && { replica: hops[i] }),
    })),
    reasons: decision.kind === 'refused' ? [...decision.reasons, decision.message] : [...decision.reasons],
    candidates: candidates.slice(0, CANDIDATES_MAX),
  };
}

/** Of all versions of the endpoint. */
function replicasOf(
  view: Pick<RouteView, 'region' | 'endpoint' | 'replicas'>,
  endpoint: string,
): Explanation['candidates'] {
  const replicas = view.endpoint(endpoint)?.variants.flatMap(({ version }) => view.replicas(version)) ?? [];
  return reports(replicas, view.region);
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
