// A push, from uploaded bytes to a version: check the signature, read and scan the model, copy every file under its digest, and
// last write the record. Only the record makes a version exist, so a push that is cut off anywhere leaves nothing that
// anybody can see, and the same push sent again goes on where it was cut off.
import { failure } from '../../contracts/errors.js';
import { RESOURCES } from '../../contracts/manifest.js';
import { type Digest, shortDigest } from '../../contracts/names.js';
import type { SubmissionRecord } from '../../contracts/lifecycle.js';
import type { PushReply, PushRequest, Resource } from '../../contracts/registry.js';
import type { Clock } from '../mesh/clock.js';
import { refuseRevoked } from '../mesh/trust/gate.js';
import { checkResources, type VerifiedManifest, verifyManifest } from '../mesh/trust/manifest.js';
import type { PolicyReader } from '../mesh/trust/trust-policy.js';
import type { Admission, NewVersion } from './admission.js';
import type { ArtifactStore, Source } from './artifact-store.js';
import type { Catalog } from './catalog.js';
import { CARD_BYTES_MAX, describe } from './describe.js';
import type { Fingerprint } from '../onnx/fingerprint.js';
import type { KnownWeights } from './known-weights.js';
import type { ObjectBucket } from './object-bucket.js';
import { PushTurns } from './push-turns.js';
import { readWhole } from './read-whole.js';

export interface PushParts {
  readonly catalog: Pick<Catalog, 'alias'>;
  readonly admission: Admission;
  readonly uploads: ObjectBucket;
  readonly artifacts: ArtifactStore;
  readonly policy: PolicyReader;
  readonly clock: Pick<Clock, 'now'>;
  /** Absent: nobody looks whether its weights are known. */
  readonly weights?: KnownWeights;
}

// A protobuf ends at 2 GiB; larger models bring their weights as files of their own, which are never held whole.
const MODEL_BYTES_MAX = 2 ** 31 - 1;
const SWEEPS_MET_MAX = 3;

export class Pusher {
  private readonly turns = new PushTurns();

  constructor(private readonly parts: PushParts) {}

  /** Small models side by side, large ones alone. The transport bounds how many wait. */
  push(request: PushRequest, signal: AbortSignal): Promise<PushReply> {
    return this.turns.run(request.resources, () => this.run(request, signal));
  }

  private async run(request: PushRequest, signal: AbortSignal): Promise<PushReply> {
    const { catalog, admission, policy, clock } = this.parts;
    signal.throwIfAborted();
    const trusted = policy.current();
    const manifest = verifyManifest(request.bundle, trusted, { model: request.model, nowMs: clock.now() });
    refuseRevoked({ digest: manifest.root, model: request.model }, trusted);
    checkResources(manifest, request.resources);
    const known = await admission.find(request.model, manifest.root);
    if (known && known.label !== request.label)
      throw failure('BAD_REQUEST', `This version exists already, under the label "${known.label}".`, {
        version: known.digest,
        label: known.label,
      });
    const admitted =
      known && known.state !== 'archived'
        ? ({ kind: 'known', version: known } as const)
        : await this.submit(request, manifest, signal);
    for (const alias of request.aliases)
      await catalog.alias({ model: request.model, alias, version: admitted.version.digest });
    return { version: admitted.version, created: admitted.kind === 'created' };
  }

  private async submit(request: PushRequest, manifest: VerifiedManifest, signal: AbortSignal) {
    const { model, label } = request;
    const { admission } = this.parts;
    const by = manifest.publisher.person;
    const submission = await admission.submit({ model, digest: manifest.root, label, by });
    try {
      return await this.admit(request, manifest, submission, signal);
    } finally {
      await admission.forget(submission);
    }
  }

  private async admit(
    request: PushRequest,
    manifest: VerifiedManifest,
    submission: SubmissionRecord,
    signal: AbortSignal,
  ) {
    const { admission } = this.parts;
    const { record, graph, weights } = await this.describe(request, manifest, signal);
    for (let sweeps = 0; sweeps < SWEEPS_MET_MAX; sweeps++) {
      const revision = await admission.check(record);
      for (const resource of request.resources) await this.store(resource, graph, signal);
      signal.throwIfAborted();
      const admitted = await admission.admit(record, submission, revision);
      if (admitted.kind === 'created') await this.parts.weights?.keep(record, weights);
      if (admitted.kind !== 'look again') return admitted;
    }
    throw failure('CONFLICT', 'Files were removed again and again while this was pushed.');
  }

  private async describe(
    { model, label, bundle, resources }: PushRequest,
    { root, publisher }: VerifiedManifest,
    signal: AbortSignal,
  ): Promise<{ record: NewVersion; graph: Held; weights: Fingerprint }> {
    const graph = resources.find(({ name }) => name === RESOURCES.model);
    if (!graph) throw failure('BAD_REQUEST', `A version has a file ${RESOURCES.model}; this one has none.`);
    const card = resources.find(({ name }) => name === RESOURCES.card);
    const bytes = await this.whole(graph, MODEL_BYTES_MAX, signal);
    const described = describe(
      bytes,
      card && (await this.whole(card, CARD_BYTES_MAX, signal)),
      resources.map(({ name }) => name),
    );
    const record: NewVersion = {
      digest: root,
      model,
      label,
      signer: { fingerprint: publisher.fingerprint, person: publisher.person },
      resources,
      bytes: resources.reduce((sum, { bytes }) => sum + bytes, 0),
      bundle,
      ...described,
    };
    const weights = this.parts.weights?.of(bytes) ?? { rows: [] };
    this.parts.weights?.check(record, weights, this.parts.policy.current().copies ?? 'report');
    return { record, graph: { digest: graph.digest, bytes }, weights };
  }

  /** The bytes of a file, only if they are the signed ones. */
  private async whole(resource: Resource, bytesMax: number, signal: AbortSignal): Promise<Uint8Array> {
    if (resource.bytes > bytesMax)
      throw failure('TOO_LARGE', `${resource.name} has ${resource.bytes} bytes, the limit is ${bytesMax}.`);
    return readWhole(resource, this.source(resource, signal)());
  }

  private async store(resource: Resource, graph: Held, signal: AbortSignal): Promise<void> {
    const source = resource.digest === graph.digest ? held(graph) : this.source(resource, signal);
    const stored = await this.parts.artifacts.write(resource.digest, source, resource.name);
    // The signature covers the digest, not the size that the request gives.
    if (stored !== resource.bytes) throw unlike(resource, stored);
  }

  /** From the upload; from the artifacts when an earlier push, or another version, left the same bytes there. */
  private source(resource: Resource, signal: AbortSignal): Source {
    const { uploads, artifacts } = this.parts;
    return async function* () {
      const uploaded = await uploads.find(resource.digest);
      if (uploaded && uploaded.bytes === resource.bytes) return yield* uploads.chunks(uploaded, signal);
      if (uploaded) throw unlike(resource, uploaded.bytes);
      if ((await artifacts.bytesOf(resource.digest)) !== undefined)
        return yield* artifacts.read(resource.digest, signal);
      throw missing(resource.name, resource.digest);
    };
  }
}

/** A file that was read, and need not be again. */
interface Held {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
}

/** In pieces: who cuts them anew would copy two GiB at once. */
const PIECE_BYTES = 512 * 1024;
const held = ({ bytes }: Held): Source =>
  async function* () {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
  };

const unlike = ({ name, bytes }: Resource, uploaded: number) =>
  failure('UNSIGNED', `The upload of ${name} has ${uploaded} bytes, not ${bytes}.`, { name });

const missing = (name: string, digest: Digest) =>
  failure('BAD_REQUEST', `${name} (${shortDigest(digest)}) is not uploaded, or no more: upload it again.`, {
    name,
    digest,
  });
