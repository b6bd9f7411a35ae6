// Whose a job is, how urgent, and on which device: the same words for `massif train` and `massif compress`.
import type { z } from 'zod';
import { JobTerms } from '../../contracts/job-terms.js';
import { DeviceClass } from '../../contracts/placement.js';
import { text, UsageError, type Values, wholeNumber } from '../cli/command.js';

export const TERM_OPTIONS = {
  tenant: { type: 'string' },
  priority: { type: 'string' },
  device: { type: 'string' },
  memory: { type: 'string' },
} as const;

export const TERMS_HELP = `  --tenant NAME       for whom, where jobs run in pools; --priority 0..9 among that tenant's own jobs
  --device KIND       cpu, cuda, or a model such as a100; --memory MIB of the device`;

const MIB = 1_048_576;

/** Throws UsageError naming the word that is wrong. */
export function readTerms(values: Values): { terms?: z.input<typeof JobTerms> } {
  const [tenant, device] = [text(values, 'tenant'), text(values, 'device')];
  const [priority, memory] = [wholeNumber(values, 'priority'), wholeNumber(values, 'memory')];
  const kind = DeviceClass.safeParse(device);
  const needs = {
    ...(device !== undefined && (kind.success ? { kind: kind.data } : { models: [device] })),
    ...(memory !== undefined && { memoryBytes: memory * MIB }),
  };
  const given = {
    ...(tenant !== undefined && { tenant }),
    ...(priority !== undefined && { priority }),
    ...(Object.keys(needs).length > 0 && { needs }),
  };
  if (Object.keys(given).length === 0) return {};
  const parsed = JobTerms.safeParse(given);
  if (parsed.success) return { terms: parsed.data };
  const [issue] = parsed.error.issues;
  throw new UsageError(`--${String(issue?.path[0])}: ${issue?.message}`);
}
