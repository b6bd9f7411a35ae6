// The endpoint as a release's plan has it: arms, shares, replicas, shadow; everything else stays. Pure; carry-out.ts writes it.
import { assertSum } from '../../mesh/release/arms.js';
import type { Digest } from '../../../contracts/names.js';
import { moveBuckets } from '../../mesh/bucket-moves.js';
import { nextEpoch } from '../endpoint.js';
import type { ReleaseRecord } from '../../../contracts/release.js';
import type { EndpointRecord, Variant } from '../../../contracts/registry.js';

export interface ProjectInputs {
  readonly nowMs: number;
  /** Whether a version keeps the state of sequences. */
  readonly isStateful: (version: Digest) => boolean;
}

export function projected(
  endpoint: EndpointRecord,
  record: ReleaseRecord,
  inputs: ProjectInputs,
): EndpointRecord {
  const { plan, id } = record;
  assertSum(plan.arms);
  const variants = plan.arms.map(({ arm, version, label, weight, replicas }): Variant => ({
    version,
    label,
    weight,
    arm,
    ...(Object.keys(replicas).length > 0 && { replicas }),
  }));
  const table = moveBuckets(endpoint, variants);
  const { table: _, stateful: _before, shadow, ...rest } = endpoint;
  const stateful = variants.some(({ version }) => inputs.isStateful(version));
  // The release that began a shadow ends it; one that was there before is none of its business.
  const own = record.course.shadow === undefined ? shadow : undefined;
  const mirrored = plan.shadow ? { ...plan.shadow, tolerance: 1e-3, compare: true } : own;
  return {
    ...rest,
    variants,
    epoch: nextEpoch(endpoint, variants),
    ...(table && { table }),
    ...(stateful && { stateful }),
    ...(mirrored && { shadow: mirrored }),
    release: { id, revision: plan.revision },
    updatedAt: new Date(inputs.nowMs).toISOString(),
  };
}

/** Whether the endpoint follows this plan, or a later one. */
export function follows(endpoint: EndpointRecord, { id, plan }: ReleaseRecord): boolean {
  return endpoint.release?.id === id && endpoint.release.revision >= plan.revision;
}
