// What a process says of itself: the answer on `massif.status`.
import { z } from 'zod';
import { InstanceName, RegionName } from './names.js';

export const ProcessStatus = z.object({
  instance: InstanceName,
  services: z.array(z.string()),
  region: RegionName,
  pid: z.int(),
  version: z.string(),
  startedAt: z.iso.datetime(),
  rssBytes: z.int(),
  /** The process's own clock, for `massif doctor` to compare. */
  now: z.iso.datetime(),
});
export type ProcessStatus = z.infer<typeof ProcessStatus>;
