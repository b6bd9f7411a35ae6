// What an endpoint becomes when somebody deploys: weights checked, versions found, salt kept. Pure; the catalog writes the result.
import { failure } from '../../contracts/errors.js';
import type { DeployRequest, EndpointRecord, Variant, VersionRecord } from '../../contracts/registry.js';
import { WEIGHT_TOTAL } from '../../contracts/traffic.js';

export interface EndpointInputs {
  /** The endpoint as it is; undefined for a new one. */
  readonly current: EndpointRecord | undefined;
  /** Throws VERSION_UNKNOWN. */
  readonly resolve: (version?: string) => VersionRecord;
  readonly nowMs: number;
  /** For a new endpoint only: users keep their variant through every later change of the weights. */
  readonly freshSalt: string;
}

export function decideEndpoint(request: DeployRequest, inputs: EndpointInputs): EndpointRecord {
  let stateful = false;
  const variants = decideVariants(request, (version) => {
    const record = inputs.resolve(version);
    stateful ||= record.card.state !== undefined;
    return record;
  });
  return {
    name: request.endpoint,
    model: request.model,
    variants,
    salt: inputs.current?.salt ?? inputs.freshSalt,
    assignment: request.assignment,
    replicasPerRegion: request.replicasPerRegion,
    timeoutMs: request.timeoutMs,
    ...(request.hedgeAfterMs === undefined ? {} : { hedgeAfterMs: request.hedgeAfterMs }),
    ...(stateful ? { stateful } : {}),
    updatedAt: new Date(inputs.nowMs).toISOString(),
  };
}

function decideVariants(request: DeployRequest, resolve: EndpointInputs['resolve']): Variant[] {
  const asked = request.variants.length > 0 ? request.variants : [{ weight: WEIGHT_TOTAL }];
  const variants = asked.map((variant) =>
    variantOf(resolve('version' in variant ? variant.version : undefined), variant.weight),
  );
  const total = variants.reduce((sum, { weight }) => sum + weight, 0);
  if (total !== WEIGHT_TOTAL)
    throw failure('BAD_REQUEST', `The weights add up to ${total}; they must add up to ${WEIGHT_TOTAL}.`, {
      total,
    });
  const seen = new Set<string>();
  for (const { version, label } of variants) {
    if (seen.has(version))
      throw failure('BAD_REQUEST', `The version "${label}" is named twice: give it one weight.`);
    seen.add(version);
  }
  return variants;
}

function variantOf(record: VersionRecord, weight: number): Variant {
  if (record.state === 'archived')
    throw failure(
      'BAD_REQUEST',
      `The version "${record.label}" of "${record.model}" is archived: deploy a live one.`,
    );
  return { version: record.digest, label: record.label, weight };
}
