// What an operator may set for an auditor. Read once, while the module is made.
import { z } from 'zod';
import { type Environment, readEnv } from '../mesh/service-config.js';

export interface AuditorConfig {
  /** While the log grows, it is signed and published this often. */
  readonly checkpointMs: number;
  /** Who is told of what: a JSON file, `AlertRoutes`. Without it alerts are kept, and told on the bus alone. */
  readonly alertsPath?: string;
  /** Between two challenge probes of a version, on average. */
  readonly probeMs: number;
  /** What becomes of a key that copies a model: people are told, or the key is revoked as well. */
  readonly extraction: 'report' | 'revoke';
}

const AuditorEnvironment = z.object({
  MASSIF_AUDITOR_CHECKPOINT_MS: z.coerce
    .number('must be a whole number of milliseconds')
    .int('must be a whole number of milliseconds')
    .min(100, 'must be at least 100')
    .default(1_000),
  MASSIF_ALERTS: z.string().optional(),
  MASSIF_AUDITOR_PROBE_MS: z.coerce
    .number('must be a number of milliseconds')
    .min(10, 'must be at least 10')
    .default(60_000),
  MASSIF_AUDITOR_EXTRACTION: z.enum(['report', 'revoke'], 'must be "report" or "revoke"').default('report'),
});

export function readAuditorConfig(env: Environment = process.env): AuditorConfig {
  const read = readEnv(AuditorEnvironment, env);
  const {
    MASSIF_AUDITOR_CHECKPOINT_MS: checkpointMs,
    MASSIF_ALERTS: alertsPath,
    MASSIF_AUDITOR_PROBE_MS: probeMs,
    MASSIF_AUDITOR_EXTRACTION: extraction,
  } = read;
  return Object.freeze({
    checkpointMs,
    probeMs,
    extraction,
    ...(alertsPath !== undefined && { alertsPath }),
  });
}
