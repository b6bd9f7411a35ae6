// The baselines of versions: made of reference requests, signed with the auditor's key, kept in an object store of the home region. What is not signed by
// it is none: slow poisoning would move what is normal.
import type { KeyObject } from 'node:crypto';
import { createPublicKey } from 'node:crypto';
import { buckets, keys } from '../../../contracts/buckets.js';
import { BASELINE_TYPE, type WatchReply, type WatchRequest } from '../../../contracts/baseline-job.js';
import { Baseline } from '../../../contracts/detection.js';
import { failure } from '../../../contracts/errors.js';
import { Envelope, RESOURCES } from '../../../contracts/manifest.js';
import type { Digest } from '../../../contracts/names.js';
import type { TapPlan } from '../../../contracts/taps.js';
import { showVersion } from '../../mesh/jobs/parent-version.js';
import type { Bus } from '../../mesh/bus.js';
import { signEnvelope, verifyEnvelope } from '../../mesh/trust/dsse.js';
import type { Random } from '../../mesh/random.js';
import type { ProbeSet } from '../../../contracts/probe.js';
import type { VersionRecord } from '../../../contracts/registry.js';
import { openProbes, sealProbes } from '../fraud/probes.js';
import { makeProbes } from './make-probes.js';
import { readReference } from './reference.js';
import { signTapPlan } from '../../mesh/trust/tap-plan.js';
import { sha256InPieces } from '../../mesh/sha256.js';
import { makeBaseline } from './make-baseline.js';

export interface BaselinesParts {
  readonly bus: Bus;
  readonly region: string;
  readonly key: KeyObject;
  readonly random: Random;
}

const probesName = (version: Digest): string => `${version}.probes`;

const REFERENCE_BYTES_MAX = 256 * 1024 * 1024;

export class Baselines {
  private turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly parts: BaselinesParts) {}

  async of(version: Digest): Promise<Baseline | undefined> {
    const store = await this.store();
    const bytes = await store.getBlob(version);
    if (bytes === null) return undefined;
    const envelope = Envelope.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
    const body = verifyEnvelope(envelope, BASELINE_TYPE, createPublicKey(this.parts.key));
    const baseline = Baseline.parse(JSON.parse(Buffer.from(body).toString('utf8')));
    if (baseline.version !== version) throw failure('UNSIGNED', 'The baseline is that of another version.');
    return baseline;
  }

  /** One after the other: each runs the model on all of its reference. */
  make(request: WatchRequest): Promise<WatchReply> {
    const next = this.turn.then(() => this.makeNow(request));
    this.turn = next.catch(() => undefined);
    return next;
  }

  private async makeNow({ model, version: word, reference, output }: WatchRequest): Promise<WatchReply> {
    const { bus, region, key, random } = this.parts;
    if (reference.bytes > REFERENCE_BYTES_MAX)
      throw failure(
        'TOO_LARGE',
        `A reference has ${REFERENCE_BYTES_MAX} bytes at most, this one ${reference.bytes}.`,
      );
    const version = await showVersion(bus, model, word);
    const text = await this.bytes(buckets.training(region), keys.dataset(reference.digest), reference.digest);
    const bytes = await this.modelOf(version);
    const made = await makeBaseline(version, bytes, Buffer.from(text).toString('utf8'), output, random);
    const { baseline, plan, cost, untapped } = made;
    const envelope = signEnvelope(BASELINE_TYPE, Buffer.from(JSON.stringify(baseline)), key);
    const store = await this.store();
    await store.putBlob({ name: version.digest }, Buffer.from(JSON.stringify(envelope)));
    await this.putProbes(version, bytes, text, reference.digest, made.asked);
    await this.putTaps(plan && { ...plan, model, version: version.digest }, version.digest);
    const { samples, chosen, streams } = baseline;
    return {
      model,
      label: version.label,
      version: version.digest,
      output: baseline.output.name,
      kind: baseline.output.kind,
      classes: baseline.output.classes,
      samples,
      chosen,
      streams: streams.map(({ name, autocorrelation }) => ({ name, autocorrelation })),
      ...(baseline.tap && cost !== undefined && { tap: { ...baseline.tap, cost } }),
      ...(untapped !== undefined && { untapped }),
    };
  }

  /** Undefined where the version has none. Throws UNSIGNED for a set that is not ours. */
  async probesOf(version: Digest): Promise<ProbeSet | undefined> {
    const bytes = await (await this.store()).getBlob(probesName(version));
    if (bytes === null) return undefined;
    const envelope = Envelope.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
    return openProbes(envelope, createPublicKey(this.parts.key));
  }

  /** Other questions of the same reference, once those of a set were asked. */
  renewProbes({ model, version: digest, reference, output }: ProbeSet): Promise<ProbeSet> {
    const next = this.turn.then(async () => {
      const { bus, region } = this.parts;
      const version = await showVersion(bus, model, digest);
      const text = await this.bytes(buckets.training(region), keys.dataset(reference), reference);
      return this.putProbes(version, await this.modelOf(version), text, reference, output);
    });
    this.turn = next.catch(() => undefined);
    return next;
  }

  /** Requests as callers send them: those that the probes were drawn from. */
  async cleanOf({ model, version: digest, reference }: ProbeSet): Promise<readonly Float32Array[]> {
    const { bus, region } = this.parts;
    const version = await showVersion(bus, model, digest);
    const text = await this.bytes(buckets.training(region), keys.dataset(reference), reference);
    return readReference(Buffer.from(text).toString('utf8'), version).rows;
  }

  private async putProbes(
    version: VersionRecord,
    model: Uint8Array,
    text: Uint8Array,
    digest: Digest,
    output: string,
  ): Promise<ProbeSet> {
    const { key, random } = this.parts;
    const reference = { ...readReference(Buffer.from(text).toString('utf8'), version), digest };
    const set = await makeProbes(version, model, reference, output, random);
    const sealed = JSON.stringify(sealProbes(set, key));
    await (await this.store()).putBlob({ name: probesName(version.digest) }, Buffer.from(sealed));
    return set;
  }

  private modelOf(version: VersionRecord): Promise<Uint8Array> {
    const resource = version.resources.find(({ name }) => name === RESOURCES.model);
    if (!resource) throw failure('MODEL_REFUSED', `The version of ${version.model} holds no model.`);
    return this.bytes(buckets.artifacts(this.parts.region), resource.digest, resource.digest);
  }

  /** Engines that serve the version go by it from then on; without a plan by none. */
  private async putTaps(plan: TapPlan | undefined, version: Digest): Promise<void> {
    const { bus, region, key } = this.parts;
    const bucket = await bus.kv(buckets.taps(region), { create: { history: 1, allow_direct: true } });
    if (plan) await bucket.put(keys.tapPlan(version), JSON.stringify({ envelope: signTapPlan(plan, key) }));
    else await bucket.delete(keys.tapPlan(version));
  }

  private async bytes(bucket: string, name: string, digest: Digest): Promise<Uint8Array> {
    const store = await this.parts.bus.object(bucket, { create: {} });
    const bytes = await store.getBlob(name);
    if (bytes === null) throw failure('DATA_REFUSED', `The object ${name.slice(0, 24)} is not in ${bucket}.`);
    if ((await sha256InPieces(bytes)) !== digest)
      throw failure('DATA_REFUSED', `The object ${name} is not what its digest says.`);
    return bytes;
  }

  private store() {
    const { bus, region } = this.parts;
    return bus.object(buckets.baselines(region), { create: {} });
  }
}
