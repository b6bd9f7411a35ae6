// The decision for a pipeline: one decision for each of its steps, all before the first is sent, so that the tensors go from shard
// to shard without asking again. Pure; the route view uses it, so router, gateway and client do.
import type { PipelineRecord } from '../../../contracts/pipeline.js';
import type { Decision, RouteRequest } from './route.js';

export function routePipeline(
  pipeline: PipelineRecord,
  { version, ...request }: RouteRequest,
  route: (request: RouteRequest) => Decision,
): Decision {
  if (version !== undefined && version !== String(pipeline.revision))
    return {
      kind: 'refused',
      code: 'VERSION_UNKNOWN',
      message: `The pipeline ${pipeline.name} is at revision ${pipeline.revision}; its steps choose their versions.`,
      reasons: [],
    };
  const reasons: string[] = [];
  const hops: string[] = [];
  let first: (Decision & { kind: 'replica' }) | undefined;
  for (const { name: step, endpoint } of pipeline.steps) {
    const decision = route({ ...request, endpoint });
    reasons.push(...decision.reasons.map((reason) => `step ${step}: ${reason}`));
    if (decision.kind === 'refused') return refusedAt(step, decision, reasons);
    first ??= decision;
    hops.push(decision.replica.id);
  }
  // A pipeline has at least one step.
  return { ...(first as Decision & { kind: 'replica' }), reasons, steps: { pipeline, hops } };
}

/** An endpoint that a pipeline stands on cannot be taken away: the table is behind, and a moment later it is not. */
function refusedAt(step: string, decision: Decision & { kind: 'refused' }, reasons: string[]): Decision {
  const code = decision.code === 'ENDPOINT_UNKNOWN' ? 'NOT_READY' : decision.code;
  return { ...decision, code, message: `Step "${step}": ${decision.message}`, step, reasons };
}
