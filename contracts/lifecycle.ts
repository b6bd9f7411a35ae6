// The life of a version, from a push that is under way to one whose files are gone: its states, and every move between them with
// who, when and why.
import { z } from 'zod';
import { Digest, Label, ModelName } from './names.js';

/**
 * `submitted`: a push is under way; no such version yet. `verified`: signature, model and files were checked. `staged`: an endpoint
 * loads it without sending it callers. `live`: it answers callers. `deprecated`: it did, and another does now; it can come back.
 * `archived`: never chosen and never deployed again, unless it is pushed again.
 */
export const VERSION_STATES = ['submitted', 'verified', 'staged', 'live', 'deprecated', 'archived'] as const;
export const VersionState = z.enum(VERSION_STATES);
export type VersionState = z.infer<typeof VersionState>;

export const VersionMove = z.object({
  to: VersionState,
  /** A person, where one is known; otherwise the part of the mesh that saw to it. */
  by: z.string().max(300),
  at: z.iso.datetime(),
  why: z.string().max(1_000),
});
export type VersionMove = z.infer<typeof VersionMove>;

/** Moves that a record keeps: the first, and the newest of the others. */
export const MOVES_MAX = 64;

/** A push on its way. It stands in the catalog until the version does, so that a push cut off is seen, and goes on where it was. */
export const SubmissionRecord = z.object({
  model: ModelName,
  digest: Digest,
  label: Label,
  by: z.string().max(300),
  at: z.iso.datetime(),
});
export type SubmissionRecord = z.infer<typeof SubmissionRecord>;

/** Without a version: all of the model, archived ones and pushes under way included. */
export const LifeRequest = z.object({ model: ModelName, version: z.string().max(64).optional() });
export type LifeRequest = z.infer<typeof LifeRequest>;

export const LifeReply = z.object({
  model: ModelName,
  /** Newest first. */
  versions: z.array(
    z.object({
      digest: Digest,
      label: Label,
      state: VersionState,
      moves: z.array(VersionMove),
      /** Since when its files are not kept any more. */
      collectedAt: z.iso.datetime().optional(),
    }),
  ),
});
export type LifeReply = z.infer<typeof LifeReply>;

/** Published on `massif.events.version` for every move. */
export const VersionNotice = z.object({ model: ModelName, digest: Digest, label: Label, move: VersionMove });
export type VersionNotice = z.infer<typeof VersionNotice>;
