// Who a process is on the bus: an NKey (Ed25519) whose seed lies in a file named after the user, `router.nk`. The server knows the
// public half alone, and signs nothing with it but a nonce. Whoever connects leans on it.
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import {
  type ConnectionOptions,
  createInbox,
  type NatsConnection,
  nkeyAuthenticator,
} from '@nats-io/transport-node';
import { type BusUser, busUsers, inboxPrefix } from '../../contracts/bus-users.js';
import { failure } from '../../contracts/errors.js';

const ENDING = '.nk';

/** Without a path nobody in particular, which a server takes in development mode alone. */
export function connectAs(
  path: string | undefined,
): Pick<ConnectionOptions, 'authenticator' | 'inboxPrefix'> {
  if (path === undefined) return {};
  const user = basename(path, ENDING) as BusUser;
  if (!busUsers.includes(user))
    throw failure(
      'BAD_REQUEST',
      `A key of the bus is named after its user, such as router.nk, got "${path}".`,
    );
  const seed = readSeed(path);
  return { authenticator: nkeyAuthenticator(seed), inboxPrefix: inboxPrefix(user) };
}

/** The file of another user in the same folder: a host gives its engines theirs. */
export const keyBeside = (path: string | undefined, user: BusUser): string | undefined =>
  path === undefined ? undefined : join(dirname(path), keyFile(user));

export const keyFile = (user: BusUser): string => `${user}${ENDING}`;

/** Under the prefix of whoever this connection is, for the server lets it hear no other. */
export function inboxOf(nc: NatsConnection): string {
  return createInbox((nc as Partial<{ options: ConnectionOptions }> & NatsConnection).options?.inboxPrefix);
}

function readSeed(path: string): Uint8Array {
  try {
    return new TextEncoder().encode(readFileSync(path, 'utf8').trim());
  } catch (error) {
    throw failure('BAD_REQUEST', `The key ${path} cannot be read.`, { path }, error);
  }
}
