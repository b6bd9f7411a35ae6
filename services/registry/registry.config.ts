// What an operator may set for a registry. Read once, while its parts are made.
import { z } from 'zod';
import type { Link } from '../../contracts/placement.js';
import { readLinkConfig } from '../mesh/link.config.js';
import { type Environment, readEnv } from '../mesh/service-config.js';

export interface RegistryConfig {
  /** Files of an archived version that nothing needs are kept for so long at least. */
  readonly collectAfterMs: number;
  /** Between regions, for the placement policies; those that are not named meet over the internet. */
  readonly links: readonly Link[];
}

const HOUR_MS = 3_600_000;

const RegistryEnvironment = z.object({
  MASSIF_COLLECT_AFTER_MS: z.coerce
    .number('must be a whole number of milliseconds')
    .int('must be a whole number of milliseconds')
    .min(0, 'must be a whole number of milliseconds')
    .default(HOUR_MS),
});

export function readRegistryConfig(env: Environment = process.env): RegistryConfig {
  const read = readEnv(RegistryEnvironment, env);
  return Object.freeze({ collectAfterMs: read.MASSIF_COLLECT_AFTER_MS, links: readLinkConfig(env) });
}
