// Who may do what at the doors: tenants with their quotas, and keys with roles. Keys are kept as hashes; a key is shown once, to
// whoever asked for it. What a role may do is said here and nowhere else.
import { z } from 'zod';
import { EndpointName } from './names.js';

export const TenantName = z
  .string()
  .regex(/^[\w.:@-]{1,64}$/, 'must be 1 to 64 letters, digits or . : @ _ -');

export const Permission = z.enum(['infer', 'read', 'submit', 'approve', 'operate', 'audit']);
export type Permission = z.infer<typeof Permission>;

export const Role = z.enum(['caller', 'viewer', 'submitter', 'approver', 'operator', 'auditor']);
export type Role = z.infer<typeof Role>;

/** Callers use models, submitters make versions, approvers let them be served, operators run releases, auditors read the log. */
export const PERMISSIONS: Readonly<Record<Role, readonly Permission[]>> = {
  caller: ['infer'],
  viewer: ['read'],
  submitter: ['infer', 'read', 'submit'],
  approver: ['read', 'approve'],
  operator: ['infer', 'read', 'operate'],
  auditor: ['read', 'audit'],
};

export const KEY_DAYS_MAX = 365;

/** What a tenant may use at each gateway; what is not given has no bound of the tenant's own. */
export const Quota = z.strictObject({
  requestsPerS: z.number().min(0.01).max(1_000_000).optional(),
  /** Requests that may come at once after a quiet time; two seconds' worth when not given. */
  burst: z.int().min(1).max(2_000_000).optional(),
  inFlightMax: z.int().min(1).max(1_000_000).optional(),
});
export type Quota = z.infer<typeof Quota>;

export const TenantRecord = z.strictObject({
  name: TenantName,
  quota: Quota,
  updatedAt: z.iso.datetime(),
});
export type TenantRecord = z.infer<typeof TenantRecord>;

export const KeyId = z.string().regex(/^[a-z2-7]{10}$/);

export const KeyRecord = z.strictObject({
  id: KeyId,
  tenant: TenantName,
  roles: z.array(Role).min(1).max(6),
  /** Models that the key may call; all of them when absent. */
  endpoints: z.array(EndpointName).min(1).max(1_000).optional(),
  description: z.string().max(200),
  /** SHA-256 of the secret's text, in hexadecimal. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
});
export type KeyRecord = z.infer<typeof KeyRecord>;

/** As it is shown: the hash stays where it is. */
export const KeyShown = KeyRecord.omit({ hash: true });
export type KeyShown = z.infer<typeof KeyShown>;

export const IssueRequest = KeyRecord.pick({ tenant: true, roles: true, endpoints: true }).extend({
  description: z.string().max(200).default(''),
  days: z.number().positive().max(KEY_DAYS_MAX).default(90),
});
export type IssueRequest = z.infer<typeof IssueRequest>;
/** `secret` is what callers send; nobody can show it again. */
export const IssueReply = z.object({ key: KeyShown, secret: z.string() });
export type IssueReply = z.infer<typeof IssueReply>;

/** A new key with the rights of an old one, which ends after the overlap. */
export const RotateRequest = z.object({
  id: KeyId,
  overlapMinutes: z.number().min(0).max(10_080).default(60),
  days: z.number().positive().max(KEY_DAYS_MAX).default(90),
});
export type RotateRequest = z.infer<typeof RotateRequest>;

export const KeyQuery = z.object({ id: KeyId });
export type KeyQuery = z.infer<typeof KeyQuery>;
export const KeyReply = z.object({ key: KeyShown });
export type KeyReply = z.infer<typeof KeyReply>;

export const TenantRequest = z.object({ name: TenantName, quota: Quota });
export type TenantRequest = z.infer<typeof TenantRequest>;
export const TenantReply = z.object({ tenant: TenantRecord });
export type TenantReply = z.infer<typeof TenantReply>;

export const IdentitiesReply = z.object({ tenants: z.array(TenantRecord), keys: z.array(KeyShown) });
export type IdentitiesReply = z.infer<typeof IdentitiesReply>;
