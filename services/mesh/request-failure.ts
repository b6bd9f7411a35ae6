// What it means to the one who asked when NATS or JetStream said no: one of our codes. bus.ts and the dispatcher ask.
import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import {
  AuthorizationError,
  NoRespondersError,
  PermissionViolationError,
  RequestError,
  TimeoutError,
} from '@nats-io/transport-node';
import { type Failure, failure, toFailure } from '../../contracts/errors.js';

export const lost = (subject: string): Failure =>
  failure('UNAVAILABLE', `The connection to NATS is down, so ${subject} cannot be reached.`, { subject });

/** What a rejected NATS request means to the one who asked. */
export function requestFailure(subject: string, error: unknown): Failure {
  const refused = [error, error instanceof Error ? error.cause : undefined].find(
    (one) => one instanceof PermissionViolationError,
  );
  if (refused !== undefined)
    return failure(
      'NOT_ALLOWED',
      `The key that we showed on the bus does not let us ${refused.operation === 'publish' ? 'say' : 'hear'} ${refused.subject}.`,
      { subject },
      error,
    );
  if (error instanceof NoRespondersError || (error instanceof RequestError && error.isNoResponders()))
    return failure('UNAVAILABLE', `Nobody answers ${subject}.`, { subject }, error);
  if (error instanceof TimeoutError || (error instanceof Error && error.cause instanceof TimeoutError))
    return failure('DEADLINE', `No answer on ${subject} in time.`, { subject }, error);
  if (error instanceof RequestError || (error instanceof Error && /connection/i.test(error.name)))
    return failure('UNAVAILABLE', `The request to ${subject} failed: ${error.message}.`, { subject }, error);
  return toFailure(error);
}

/** Why nobody could connect: a server that is there and knows no such key is another trouble than one that is away. */
export function connectFailure(urls: readonly string[], error?: unknown): Failure {
  const servers = urls.join(', ');
  const refused =
    error instanceof AuthorizationError || (error as Error | undefined)?.cause instanceof AuthorizationError;
  if (!refused) return failure('UNAVAILABLE', `No NATS server answers at ${servers}.`, { urls }, error);
  const message = `The NATS server at ${servers} lets in nobody without a key that it knows: give the file of one as \`key\`.`;
  return failure('NOT_ALLOWED', message, { urls }, error);
}

export function bucketFailure(name: string, error: unknown): Failure {
  if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound)
    return failure('UNAVAILABLE', `The bucket ${name} does not exist.`, { bucket: name }, error);
  const known = toFailure(error);
  if (known.code !== 'INTERNAL') return known;
  return failure(
    'UNAVAILABLE',
    `The bucket ${name} cannot be opened: ${known.message}.`,
    { bucket: name },
    error,
  );
}
