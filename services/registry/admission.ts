// How versions come into the catalog, and what is left of those that did not: the last step of a push, and the sweep's two words
// to it. Both are decisions on the newest state like the catalog's own; Pusher and Sweeper ask.
import { keys } from '../../contracts/buckets.js';
import { failure } from '../../contracts/errors.js';
import { type Digest, shortDigest } from '../../contracts/names.js';
import type { SubmissionRecord } from '../../contracts/lifecycle.js';
import type { VersionRecord } from '../../contracts/registry.js';
import type { Clock } from '../mesh/clock.js';
import type { BucketLog, Decision } from '../mesh/bucket-log.js';
import type { CatalogState } from './catalog-state.js';
import { admitted, submittedMove } from './lifecycle/moves.js';
import type { Told } from './lifecycle/told.js';
import { byLabel, createdAfter } from './resolve.js';
import { referencedBy, SWEEP_KEY, type SweepRecord, sweepSince } from './sweep.js';

export interface AdmissionParts {
  readonly log: BucketLog;
  readonly state: CatalogState;
  readonly clock: Pick<Clock, 'now'>;
  readonly told: Told;
}

/** `look again`: a sweep ran since; the caller must make sure that its artifacts are still there. */
export type Admitted =
  { readonly kind: 'created' | 'known'; readonly version: VersionRecord } | { readonly kind: 'look again' };

export type NewVersion = Omit<VersionRecord, 'createdAt' | 'state' | 'moves' | 'collectedAt'>;

export class Admission {
  constructor(private readonly parts: AdmissionParts) {}

  /** As of now. */
  async find(model: string, digest: Digest): Promise<VersionRecord | undefined> {
    await this.parts.log.refresh();
    return this.parts.state.models.get(model)?.versions.get(digest);
  }

  /** A push that goes on after it was cut off is the same one. */
  async submit(push: Omit<SubmissionRecord, 'at'>): Promise<SubmissionRecord> {
    const { log, state, clock, told } = this.parts;
    let news = false;
    const submission = await log.transact((): Decision<SubmissionRecord> => {
      const known = state.submissionsOf(push.model).find(({ digest }) => digest === push.digest);
      news = !(known && known.by === push.by && known.label === push.label);
      if (known && !news) return { result: known };
      const value = { ...push, at: new Date(clock.now()).toISOString() };
      return { change: { key: keys.submission(push.model, push.digest), value }, result: value };
    });
    if (news) told(submission, [submittedMove(submission)]);
    return submission;
  }

  /** It is a version by now, or was refused. What this leaves behind the keeper of lives finds. */
  async forget({ model, digest }: SubmissionRecord): Promise<void> {
    const key = keys.submission(model, digest);
    await this.parts.log
      .transact(() => ({ change: { key, value: undefined }, result: undefined }))
      .catch(() => undefined);
  }

  /** Throws what `admit` would throw by now, so that a push which cannot succeed ends before it copies; else the revision that `admit` refers to. */
  async check(record: NewVersion): Promise<number> {
    await this.parts.log.refresh();
    this.refuse(record);
    return this.parts.log.revision;
  }

  /** The step that makes a version exist; everything before it is nothing, everything after it is comfort. */
  async admit(record: NewVersion, submission: SubmissionRecord, sinceRevision: number): Promise<Admitted> {
    const { log, state, clock, told } = this.parts;
    const result = await log.transact((): Decision<Admitted> => {
      const entry = state.models.get(record.model);
      const known = entry?.versions.get(record.digest);
      if (known && known.state !== 'archived') return { result: { kind: 'known', version: known } };
      this.refuse(record);
      const digests = record.resources.map((resource) => resource.digest);
      const sweep = sweepSince(state.sweep(), sinceRevision, digests);
      if (sweep === 'in the way')
        throw failure(
          'CONFLICT',
          'Left-over files of this version are being removed right now: push it again.',
        );
      if (sweep === 'look again') return { result: { kind: 'look again' } };
      const atMs = clock.now();
      const cause = { by: 'registry', why: 'signature, model and files checked', atMs };
      const version: VersionRecord = {
        ...record,
        ...admitted(submission, known, cause),
        createdAt: known?.createdAt ?? createdAfter(entry, atMs),
      };
      return {
        change: { key: keys.version(record.model, record.digest), value: version },
        result: { kind: 'created', version },
      };
    });
    if (result.kind === 'created') told(result.version, result.version.moves.slice(-1));
    return result;
  }

  /** Digests that some version refers to, archived ones included as long as they keep their files. */
  async referenced(): Promise<Set<Digest>> {
    await this.parts.log.refresh();
    return referencedBy(this.parts.state.versions());
  }

  /** `decide` sees the newest versions and what an earlier sweep did not finish; what it returns is announced before it goes. */
  beginSweep(decide: (state: CatalogState, unfinished: readonly Digest[]) => Digest[]): Promise<Digest[]> {
    return this.parts.log.transact(() => {
      const last = this.parts.state.sweep()?.record;
      const digests = decide(this.parts.state, last && !last.done ? last.digests : []);
      if (digests.length === 0) return { result: digests };
      const value: SweepRecord = { digests, done: false };
      return { change: { key: SWEEP_KEY, value }, result: digests };
    });
  }

  async endSweep(digests: Digest[]): Promise<void> {
    const value: SweepRecord = { digests, done: true };
    await this.parts.log.transact(() => ({ change: { key: SWEEP_KEY, value }, result: undefined }));
  }

  private refuse({ model, label, digest, card }: NewVersion): void {
    const { state } = this.parts;
    const entry = state.models.get(model);
    const holder = entry && byLabel(entry, label);
    if (holder && holder.digest !== digest)
      throw failure(
        'BAD_REQUEST',
        `The label "${label}" of "${model}" is that of version ${shortDigest(holder.digest)} for good: choose another.`,
        { label, version: holder.digest },
      );
    if (entry?.aliases.has(label))
      throw failure('BAD_REQUEST', `"${label}" is an alias of "${model}": choose another label.`, { label });
    if (card.parent !== undefined && !state.version(card.parent))
      throw failure(
        'BAD_REQUEST',
        `The card names the parent ${shortDigest(card.parent)}, which nobody pushed here.`,
        {
          parent: card.parent,
        },
      );
  }
}
