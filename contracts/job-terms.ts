// What decides who goes first on which device: the tenant, how urgent it is, and what it asks of the device. Jobs have all three;
// endpoints have the same words in their scaling policy.
import { z } from 'zod';
import { TenantName } from './identity.js';
import { DeviceClass } from './placement.js';

/** What a replica or a job asks of the device it runs on; what is not said does not matter. */
export const DeviceNeeds = z.strictObject({
  kind: DeviceClass.optional(),
  /** Any of these. */
  models: z.array(z.string().min(1).max(64)).min(1).max(16).optional(),
  memoryBytes: z.number().positive().optional(),
  count: z.int().min(1).max(1_024).optional(),
});
export type DeviceNeeds = z.infer<typeof DeviceNeeds>;

/** 0 waits for everybody, 9 for nobody. */
export const Precedence = z.int().min(0).max(9);
export const PRECEDENCE_USUAL = 5;
export const TENANT_UNNAMED = 'unnamed';

/** For whom a job runs, how urgent it is among that tenant's own, and what it needs. */
export const JobTerms = z.strictObject({
  tenant: TenantName.default(TENANT_UNNAMED),
  priority: Precedence.default(PRECEDENCE_USUAL),
  needs: DeviceNeeds.default({}),
});
export type JobTerms = z.infer<typeof JobTerms>;
