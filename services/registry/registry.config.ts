// What an operator may set for a registry. Read once, while its parts are made.
import { z } from 'zod';
import { Link } from '../../contracts/placement.js';
import { type Environment, readEnv } from '../mesh/service-config.js';

export interface RegistryConfig {
  /** Files of an archived version that nothing needs are kept for so long at least. */
  readonly collectAfterMs: number;
  /** Between regions, for the placement policies; those that are not named meet over the internet. */
  readonly links: readonly Link[];
}

const HOUR_MS = 3_600_000;

/** `east:west:dedicated:22,west:north:wireless`: two regions, the class, the round trip in ms where it is known. */
function readLinks(text: string, context: z.RefinementCtx): Link[] {
  return text.split(',').map((one) => {
    const [from, to, kind, latencyMs] = one.trim().split(':');
    const given = { between: [from, to], class: kind, ...(latencyMs && { latencyMs: Number(latencyMs) }) };
    const parsed = Link.safeParse(given);
    if (parsed.success) return parsed.data;
    context.addIssue('must be links such as east:west:dedicated:22 with commas between them');
    return z.NEVER;
  });
}

const RegistryEnvironment = z.object({
  MASSIF_COLLECT_AFTER_MS: z.coerce
    .number('must be a whole number of milliseconds')
    .int('must be a whole number of milliseconds')
    .min(0, 'must be a whole number of milliseconds')
    .default(HOUR_MS),
  MASSIF_LINKS: z.string().transform(readLinks).default([]),
});

export function readRegistryConfig(env: Environment = process.env): RegistryConfig {
  const read = readEnv(RegistryEnvironment, env);
  return Object.freeze({ collectAfterMs: read.MASSIF_COLLECT_AFTER_MS, links: read.MASSIF_LINKS });
}
