// The audit log: who did what, why, and what came of it. Whatever happens is told on `massif.events.*`; the auditor chains it into a
// stream that only grows, and signs checkpoints of it. services/mesh/audit has the hashes; `massif audit` reads and verifies.
import { z } from 'zod';

/** Something that happened. `about` names it: model, version, endpoint, release, nonce. */
export const AuditEvent = z.object({
  at: z.iso.datetime(),
  /** The process that tells it. */
  source: z.string().max(100),
  /** A person, where one is known; else the part of the mesh that saw to it. */
  who: z.string().max(300),
  /** Such as `registry.deploy`, `version.live`, `order.kill`, `replica.refused`. */
  action: z.string().regex(/^[a-z][\w.-]{0,99}$/),
  about: z.record(z.string().max(100), z.string().max(1_000)),
  outcome: z.enum(['done', 'refused']),
  why: z.string().max(1_000),
});
export type AuditEvent = z.infer<typeof AuditEvent>;

/** As it lies in the log: the JSON text of this, byte for byte, is what was hashed. */
export const AuditEntry = AuditEvent.extend({
  index: z.int().min(0),
  /** The chain up to the entry before, hex SHA-256; zeros for the first. */
  prev: z.string().regex(/^[0-9a-f]{64}$/),
  /** Where it stood among the events that came in, so that none is written twice. */
  intake: z.int().min(0).optional(),
});
export type AuditEntry = z.infer<typeof AuditEntry>;

export const AUDIT_READ_MAX = 500;
export const AuditRead = z.object({
  from: z.int().min(0),
  count: z.int().min(1).max(AUDIT_READ_MAX).default(AUDIT_READ_MAX),
});
export type AuditRead = z.infer<typeof AuditRead>;
export const AuditReadReply = z.object({
  size: z.int(),
  /** The text of each entry as it was hashed. */
  entries: z.array(z.string()),
});
export type AuditReadReply = z.infer<typeof AuditReadReply>;

export const CheckpointsReply = z.object({
  /** `name+keyid+key`, as C2SP signed notes name a key. */
  verifierKey: z.string(),
  /** Signed notes, oldest first; the newest ones where there are many. */
  checkpoints: z.array(z.string()),
});
export type CheckpointsReply = z.infer<typeof CheckpointsReply>;

export const ProveRequest = z.object({ index: z.int().min(0) });
export type ProveRequest = z.infer<typeof ProveRequest>;
/** `proof` is a `c2sp.org/tlog-proof@v1`: it holds without the log and without us. */
export const ProveReply = z.object({ entry: z.string(), proof: z.string() });
export type ProveReply = z.infer<typeof ProveReply>;
