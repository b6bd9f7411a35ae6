// The users of the bus on one machine: a key for each of contracts/bus-users.ts, made on the first start, and the servers' list of who
// may say and hear what. Servers learn public keys alone.
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { nkeys } from '@nats-io/transport-node';
import { type BusUser, busUsers, permissionsOf } from '../../contracts/bus-users.js';
import { keyFile } from '../../services/mesh/bus-key.js';
import { type BusAccess, REGION_CONF } from './nats.js';

const FOLDER = 'nats';
const LINK_BYTES = 32;
/** On a busy machine a process may not get to show its key within the server's two seconds; refused twice, a client gives up for good. */
const SHOWN_WITHIN_S = 30;

export const busKeyPath = (keys: string, user: BusUser): string => join(keys, FOLDER, keyFile(user));

export interface Extra {
  /** A test may watch what is said on the bus. */
  readonly observer?: boolean;
  /** Users of a test's own, by the public halves of their keys. */
  readonly also?: readonly AlsoUser[];
}

export interface AlsoUser {
  readonly key: string;
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** Makes what is missing in the folder of keys; the list of users is written anew, for it follows from this build's contracts. */
export async function prepareBusKeys(
  keys: string,
  regions: readonly string[],
  { observer = false, also = [] }: Extra = {},
): Promise<BusAccess> {
  const folder = join(keys, FOLDER);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const known = await Promise.all(
    users(observer).map(async (user) => ({
      user,
      key: publicKey(await kept(busKeyPath(keys, user), newSeed)),
    })),
  );
  const linkPassword = await kept(join(folder, 'link.password'), () =>
    randomBytes(LINK_BYTES).toString('hex'),
  );
  const config = join(folder, 'users.conf');
  await write(config, usersConf(known, regions, relative(folder, REGION_CONF), also));
  return { config, linkPassword };
}

/** The server's own format; JSON is part of it. */
export function usersConf(
  users: readonly { readonly user: BusUser; readonly key: string }[],
  regions: readonly string[],
  base: string,
  also: readonly AlsoUser[] = [],
): string {
  const entries = users.map(({ user, key }) => {
    const { publish, subscribe, answersOnly } = permissionsOf(user, regions);
    const permissions = {
      publish: { allow: publish },
      subscribe: { allow: subscribe },
      ...(answersOnly && { allow_responses: { max: 1, expires: '5m' } }),
    };
    return `    # ${user}\n    ${JSON.stringify({ nkey: key, permissions })}`;
  });
  const others = also.map(({ key, publish, subscribe }) => {
    const permissions = { publish: { allow: publish }, subscribe: { allow: subscribe } };
    return `    ${JSON.stringify({ nkey: key, permissions })}`;
  });
  return [
    '# Written at every start from contracts/conversations.ts and contracts/holdings.ts.',
    `include ${JSON.stringify(base)}`,
    'authorization {',
    `  timeout: ${SHOWN_WITHIN_S}`,
    '  users: [',
    [...entries, ...others].join(',\n'),
    '  ]',
    '}',
    '',
  ].join('\n');
}

const users = (observer: boolean): BusUser[] => busUsers.filter((user) => observer || user !== 'observer');

const newSeed = (): string => new TextDecoder().decode(nkeys.createUser().getSeed());

const publicKey = (seed: string): string => nkeys.fromSeed(new TextEncoder().encode(seed)).getPublicKey();

async function kept(path: string, make: () => string): Promise<string> {
  const there = await readFile(path, 'utf8').catch(() => undefined);
  if (there !== undefined) return there.trim();
  const made = make();
  await write(path, made);
  return made;
}

/** Whole or not at all. */
async function write(path: string, text: string): Promise<void> {
  await writeFile(`${path}.draft`, text, { mode: 0o600 });
  await rename(`${path}.draft`, path);
}
