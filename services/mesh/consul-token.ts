// Who a process is for Consul: a token in a file named after the user, `router.token`, readable by its owner alone.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { BusUser } from '../../contracts/bus-users.js';
import { failure } from '../../contracts/errors.js';

export const tokenFile = (user: string): string => `${user}.token`;

/** Without a path nobody in particular, whom Consul lets do everything in development mode and nothing else. */
export function readToken(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw failure('BAD_REQUEST', `The token ${path} cannot be read.`, { path }, error);
  }
}

/** The file of another user in the same folder: a pool gives its shards theirs. */
export const tokenBeside = (path: string | undefined, user: BusUser): string | undefined =>
  path === undefined ? undefined : join(dirname(path), tokenFile(user));
