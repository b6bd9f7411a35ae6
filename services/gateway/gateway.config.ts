// What an operator may set for the gateway's doors. Read once, while the module is made, before the port opens.
import { z } from 'zod';
import { BODY_BYTES_MAX } from '../../contracts/large-body.js';
import { Auth, type Environment, readEnv } from '../mesh/service-config.js';

export interface GatewayConfig {
  /** Of one request, on the wire and inflated; what one message does not carry goes in parts. */
  readonly bodyMaxBytes: number;
  /** Requests held at once; the next one is told 503. */
  readonly inFlightMax: number;
  /** The same in bytes of bodies, so that a few hundred large ones do not fill the memory. */
  readonly heldMaxBytes: number;
  /** Whether callers may load and unload models, as the registry's subjects let them. */
  readonly modelControl: boolean;
  /** `development`: everybody may everything, on loopback alone. */
  readonly auth: 'keys' | 'development';
  /** Undefined: the gRPC door stays closed. */
  readonly grpcPort: number | undefined;
}

const MIB = 1_048_576;

const wholeFrom = (least: number) =>
  z.coerce
    .number(`must be a whole number of at least ${least}`)
    .int(`must be a whole number of at least ${least}`)
    .min(least, `must be a whole number of at least ${least}`);

const GatewayEnvironment = z.object({
  MASSIF_BODY_MAX_BYTES: wholeFrom(1_024).default(BODY_BYTES_MAX),
  MASSIF_REST_IN_FLIGHT_MAX: wholeFrom(1).default(1_024),
  MASSIF_REST_HELD_MAX_BYTES: wholeFrom(1_024).default(256 * MIB),
  MASSIF_AUTH: Auth,
  MASSIF_MODEL_CONTROL: z.enum(['open', 'closed'], 'must be open or closed').default('open'),
  MASSIF_GRPC_PORT: z.coerce
    .number('must be a port between 0 and 65535')
    .int('must be a port between 0 and 65535')
    .min(0, 'must be a port between 0 and 65535')
    .max(65_535, 'must be a port between 0 and 65535')
    .optional(),
});

export function readGatewayConfig(env: Environment = process.env): GatewayConfig {
  const read = readEnv(GatewayEnvironment, env);
  return Object.freeze({
    bodyMaxBytes: read.MASSIF_BODY_MAX_BYTES,
    inFlightMax: read.MASSIF_REST_IN_FLIGHT_MAX,
    heldMaxBytes: read.MASSIF_REST_HELD_MAX_BYTES,
    auth: read.MASSIF_AUTH,
    modelControl: read.MASSIF_MODEL_CONTROL === 'open',
    grpcPort: read.MASSIF_GRPC_PORT,
  });
}
