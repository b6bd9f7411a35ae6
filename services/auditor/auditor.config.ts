// What an operator may set for an auditor. Read once, while the module is made.
import { z } from 'zod';
import { type Environment, readEnv } from '../mesh/service-config.js';

export interface AuditorConfig {
  /** While the log grows, it is signed and published this often. */
  readonly checkpointMs: number;
  /** Who is told of what: a JSON file, `AlertRoutes`. Without it alerts are kept, and told on the bus alone. */
  readonly alertsPath?: string;
}

const AuditorEnvironment = z.object({
  MASSIF_AUDITOR_CHECKPOINT_MS: z.coerce
    .number('must be a whole number of milliseconds')
    .int('must be a whole number of milliseconds')
    .min(100, 'must be at least 100')
    .default(1_000),
  MASSIF_ALERTS: z.string().optional(),
});

export function readAuditorConfig(env: Environment = process.env): AuditorConfig {
  const read = readEnv(AuditorEnvironment, env);
  const { MASSIF_AUDITOR_CHECKPOINT_MS: checkpointMs, MASSIF_ALERTS: alertsPath } = read;
  return Object.freeze({ checkpointMs, ...(alertsPath !== undefined && { alertsPath }) });
}
