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
  /** That the process writes its data to; processes of one machine that share it name the same. */
  disk: z
    .object({ id: z.string().max(300), freeBytes: z.number().min(0), totalBytes: z.number().min(0) })
    .optional(),
  /** The process's own clock, for `massif doctor` to compare. */
  now: z.iso.datetime(),
});
export type ProcessStatus = z.infer<typeof ProcessStatus>;

/** What a process is asked on `massif.metrics.<region>`: one metric by its name, or all; of one, only what it counted within so long. */
export const MetricsQuery = z.object({
  name: z.string().max(200).optional(),
  withinMs: z.int().min(0).optional(),
});
export type MetricsQuery = z.infer<typeof MetricsQuery>;
