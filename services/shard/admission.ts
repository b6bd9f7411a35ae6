// The host's own check of a version before an engine may see it: signature and publisher, digests of every resource, and the scan
// of the graph. Earlier checks by gateway and registry give good errors; this one and the engine's own count.
import { failure, toFailure } from '../../contracts/errors.js';
import { RESOURCES } from '../../contracts/manifest.js';
import type { TrustPolicy } from '../../contracts/trust-policy.js';
import type { VersionRecord } from '../../contracts/registry.js';
import type { Clock } from '../mesh/clock.js';
import { passGate } from '../mesh/gate.js';
import type { PolicyReader } from '../mesh/trust-policy.js';
import { decode } from '../onnx/model.js';
import { scanModel } from '../onnx/scan.js';
import type { ArtifactCache } from './artifact-cache.js';

export interface Admitted {
  readonly policy: TrustPolicy;
}

export interface AdmissionParts {
  readonly cache: Pick<ArtifactCache, 'read'>;
  readonly trust: PolicyReader;
  readonly clock: Pick<Clock, 'now'>;
  readonly region: string;
}

/** Throws UNSIGNED or MODEL_REFUSED for good reasons, UNAVAILABLE when trust or bytes cannot be had just now. */
export async function admit(
  version: VersionRecord,
  { cache, trust, clock, region }: AdmissionParts,
): Promise<Admitted> {
  const policy = policyOf(trust);
  passGate(version, policy, { nowMs: clock.now(), region });
  let model: Uint8Array | undefined;
  for (const resource of version.resources) {
    const bytes = await cache.read(resource);
    if (resource.name === RESOURCES.model) model = bytes;
  }
  if (model === undefined) throw failure('MODEL_REFUSED', `The version has no resource ${RESOURCES.model}.`);
  const graph = decode(model);
  scanModel(
    graph,
    version.resources.map(({ name }) => name).filter((name) => !KNOWN.has(name)),
  );
  return { policy };
}

/** Trust that is not there yet is no verdict on the version. */
function policyOf(trust: PolicyReader): TrustPolicy {
  try {
    return trust.current();
  } catch (error) {
    throw failure('UNAVAILABLE', toFailure(error).message, {}, error);
  }
}

const KNOWN: ReadonlySet<string> = new Set(Object.values(RESOURCES));
