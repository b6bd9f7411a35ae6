// What an endpoint becomes when somebody deploys: weights checked, versions found, salt kept, as few users moved as can be. Pure; the
// catalog writes the result.
import { failure } from '../../contracts/errors.js';
import {
  armOf,
  type DeployRequest,
  type EndpointRecord,
  type Variant,
  type VersionRecord,
} from '../../contracts/registry.js';
import { WEIGHT_TOTAL } from '../../contracts/traffic.js';
import { moveBuckets } from '../mesh/bucket-moves.js';
import { checkTraffic } from './check-traffic.js';

export interface EndpointInputs {
  /** The endpoint as it is; undefined for a new one. */
  readonly current: EndpointRecord | undefined;
  /** Throws VERSION_UNKNOWN. */
  readonly resolve: (version?: string) => VersionRecord;
  readonly nowMs: number;
  /** The others, for what endpoints must agree on. */
  readonly others: Iterable<EndpointRecord>;
  /** For a new endpoint only: users keep their variant through every later change of the weights. */
  readonly freshSalt: string;
}

export function decideEndpoint(request: DeployRequest, inputs: EndpointInputs): EndpointRecord {
  const { current } = inputs;
  let stateful = false;
  const variants = decideVariants(request, (version) => {
    const record = inputs.resolve(version);
    stateful ||= record.card.state !== undefined;
    return record;
  });
  if (stateful && request.cacheS)
    throw failure('BAD_REQUEST', 'A version of this endpoint is stateful: its answers cannot be kept.');
  const table = current && moveBuckets(current, variants);
  const endpoint: EndpointRecord = {
    name: request.endpoint,
    model: request.model,
    variants,
    epoch: nextEpoch(current, variants),
    ...(table && { table }),
    ...trafficOf(request, current),
    salt: current?.salt ?? inputs.freshSalt,
    assignment: request.assignment,
    replicasPerRegion: request.replicasPerRegion,
    ...placementOf(request, current),
    ...(current?.pins && { pins: current.pins }),
    ...scalingOf(request.scaling, current),
    timeoutMs: request.timeoutMs,
    ...(request.hedgeAfterMs === undefined ? {} : { hedgeAfterMs: request.hedgeAfterMs }),
    ...(request.cacheS ? { cacheS: request.cacheS } : {}),
    ...(stateful ? { stateful } : {}),
    updatedAt: new Date(inputs.nowMs).toISOString(),
  };
  checkTraffic(endpoint, inputs.others);
  return endpoint;
}

/** What was counted under other weights or other arms must not be mixed with what comes. */
export function nextEpoch(current: EndpointRecord | undefined, variants: readonly Variant[]): number {
  if (!current) return 1;
  const epoch = current.epoch ?? 0;
  const same =
    current.variants.length === variants.length &&
    variants.every((variant, i) => {
      const was = current.variants[i] as Variant;
      return (
        armOf(was) === armOf(variant) && was.version === variant.version && was.weight === variant.weight
      );
    });
  return same ? epoch : epoch + 1;
}

type Traffic = Pick<EndpointRecord, 'rules' | 'experiment' | 'shadow' | 'withoutUser'>;

/** What the request does not speak of stays; an empty list or null takes it away. */
function trafficOf(request: DeployRequest, current: EndpointRecord | undefined): Traffic {
  const rules = request.rules ?? current?.rules;
  const experiment = request.experiment === undefined ? current?.experiment : request.experiment;
  const shadow = request.shadow === undefined ? current?.shadow : request.shadow;
  const withoutUser = request.withoutUser === undefined ? current?.withoutUser : request.withoutUser;
  return {
    ...(rules && rules.length > 0 && { rules }),
    ...(experiment && { experiment }),
    ...(shadow && { shadow }),
    ...(withoutUser && { withoutUser }),
  };
}

function placementOf(
  request: DeployRequest,
  current: EndpointRecord | undefined,
): Pick<EndpointRecord, 'placement'> {
  const placement = request.placement === undefined ? current?.placement : request.placement;
  return placement ? { placement } : {};
}

function scalingOf(
  asked: DeployRequest['scaling'],
  current: EndpointRecord | undefined,
): Pick<EndpointRecord, 'scaling'> {
  const scaling = asked === undefined ? current?.scaling : asked;
  return scaling ? { scaling } : {};
}

function decideVariants(request: DeployRequest, resolve: EndpointInputs['resolve']): Variant[] {
  const asked = request.variants.length > 0 ? request.variants : [{ weight: WEIGHT_TOTAL }];
  const variants = asked.map((variant) =>
    'version' in variant
      ? variantOf(resolve(variant.version), variant.weight, variant.arm)
      : variantOf(resolve(), variant.weight),
  );
  const total = variants.reduce((sum, { weight }) => sum + weight, 0);
  if (total !== WEIGHT_TOTAL)
    throw failure('BAD_REQUEST', `The weights add up to ${total}; they must add up to ${WEIGHT_TOTAL}.`, {
      total,
    });
  const seen = new Set<string>();
  for (const variant of variants) {
    const arm = armOf(variant);
    if (seen.has(arm))
      throw failure(
        'BAD_REQUEST',
        `The arm "${arm}" is named twice: give the version one weight, or each of its arms a name.`,
      );
    seen.add(arm);
  }
  return variants;
}

function variantOf(record: VersionRecord, weight: number, arm?: string): Variant {
  if (record.state === 'archived')
    throw failure(
      'BAD_REQUEST',
      `The version "${record.label}" of "${record.model}" is archived: deploy a live one.`,
    );
  return { version: record.digest, label: record.label, weight, ...(arm !== undefined && { arm }) };
}
