// What an operator may set for the router. Read once, while the module is made, before anything is subscribed.
import { z } from 'zod';
import { BODY_BYTES_MAX } from '../../contracts/large-body.js';
import { type Environment, readEnv } from '../mesh/service-config.js';

export interface RouterConfig {
  /** Requests under way at once; the next one is told 503. */
  readonly inFlightMax: number;
  /** The same in bytes of bodies: they are held for a retry until the answer is out. */
  readonly heldMaxBytes: number;
  /** Replicas tried for one request, hedges included. 1 turns retries off. */
  readonly attemptsMax: number;
  /** Of one body; what a message does not carry, engines fetch from the caller. */
  readonly bodyMaxBytes: number;
}

const MIB = 1_048_576;

const wholeFrom = (least: number) =>
  z.coerce
    .number(`must be a whole number of at least ${least}`)
    .int(`must be a whole number of at least ${least}`)
    .min(least, `must be a whole number of at least ${least}`);

const RouterEnvironment = z.object({
  MASSIF_ROUTER_IN_FLIGHT_MAX: wholeFrom(1).default(4_096),
  MASSIF_ROUTER_HELD_MAX_BYTES: wholeFrom(1_024).default(256 * MIB),
  MASSIF_ROUTER_ATTEMPTS_MAX: wholeFrom(1).default(4),
  MASSIF_BODY_MAX_BYTES: wholeFrom(1_024).default(BODY_BYTES_MAX),
});

export function readRouterConfig(env: Environment = process.env): RouterConfig {
  const read = readEnv(RouterEnvironment, env);
  return Object.freeze({
    inFlightMax: read.MASSIF_ROUTER_IN_FLIGHT_MAX,
    heldMaxBytes: read.MASSIF_ROUTER_HELD_MAX_BYTES,
    attemptsMax: read.MASSIF_ROUTER_ATTEMPTS_MAX,
    bodyMaxBytes: read.MASSIF_BODY_MAX_BYTES,
  });
}
