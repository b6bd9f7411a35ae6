// The host's own check of a version before an engine may see it: signature and publisher every time, digests of every resource and
// the scan of the graph once in its life, for they are of the very bytes that the digest names. Earlier checks by gateway and registry give good errors; this one and the engine's own count.
import { failure, toFailure } from '../../contracts/errors.js';
import { isExternal, RESOURCES } from '../../contracts/manifest.js';
import type { Digest } from '../../contracts/names.js';
import type { TrustPolicy } from '../../contracts/trust-policy.js';
import type { VersionRecord } from '../../contracts/registry.js';
import type { Clock } from '../mesh/clock.js';
import { passGate } from '../mesh/trust/gate.js';
import type { PolicyReader } from '../mesh/trust/trust-policy.js';
import { decode } from '../onnx/model.js';
import { scanModel } from '../onnx/scan.js';
import type { ArtifactCache } from './artifact-cache.js';

export interface Admitted {
  readonly policy: TrustPolicy;
  /** The files were checked before and are only known to be there: the engine, which hashes what it loads, may find otherwise. */
  readonly remembered: boolean;
}

export interface AdmissionParts {
  readonly cache: Pick<ArtifactCache, 'read' | 'ensure' | 'has'>;
  readonly trust: PolicyReader;
  readonly clock: Pick<Clock, 'now'>;
  readonly region: string;
}

const KNOWN_MAX = 4_096;

export class Admission {
  /** Versions whose very bytes were hashed and scanned in this life; what is in them does not change. */
  private readonly known = new Set<Digest>();
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly parts: AdmissionParts) {}

  /** Throws UNSIGNED or MODEL_REFUSED for good reasons, UNAVAILABLE when trust or bytes cannot be had just now. */
  async admit(version: VersionRecord): Promise<Admitted> {
    const { trust, clock, region } = this.parts;
    const policy = policyOf(trust);
    passGate(version, policy, { nowMs: clock.now(), region });
    const remembered = this.known.has(version.digest) && (await this.allThere(version));
    if (!remembered) await this.checkInTurn(version);
    return { policy, remembered };
  }

  /** What an engine found on the disk is not what was checked: it is checked, and mended, once more. */
  doubt(version: Digest): void {
    this.known.delete(version);
  }

  private async allThere({ resources }: VersionRecord): Promise<boolean> {
    const there = await Promise.all(resources.map((resource) => this.parts.cache.has(resource)));
    return there.every(Boolean);
  }

  /** One after the other: each has a whole model in memory while it is hashed and scanned. */
  private checkInTurn(version: VersionRecord): Promise<void> {
    const next = this.last.then(() => this.check(version));
    this.last = next.catch(() => undefined);
    return next;
  }

  private async check(version: VersionRecord): Promise<void> {
    let model: Uint8Array | undefined;
    for (const resource of version.resources) {
      // Weights of gigabytes are the engine's to hold.
      if (resource.name === RESOURCES.model) model = await this.parts.cache.read(resource);
      else await this.parts.cache.ensure(resource);
    }
    if (model === undefined)
      throw failure('MODEL_REFUSED', `The version has no resource ${RESOURCES.model}.`);
    const company = version.resources.map(({ name }) => name).filter((name) => isExternal(name));
    scanModel(decode(model), company);
    this.known.add(version.digest);
    const [oldest] = this.known;
    if (this.known.size > KNOWN_MAX && oldest !== undefined) this.known.delete(oldest);
  }
}

/** Trust that is not there yet is no verdict on the version. */
function policyOf(trust: PolicyReader): TrustPolicy {
  try {
    return trust.current();
  } catch (error) {
    throw failure('UNAVAILABLE', toFailure(error).message, {}, error);
  }
}
