// @ts-check
// Finds nats-server and consul on this machine: the path someone gave, then PATH, then the per-user cache. Set-up fills the
// cache when nothing is found; the starters (nats.ts, consul.ts) use whatever this finds.
import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';

/** @typedef {'nats' | 'consul'} ServerKind */

/**
 * `floor` is the oldest version that we run: NATS below 2.10 lacks per-stream metadata and `sync_interval`, Consul below 1.8
 * was never tried. `suite` is the Debian release whose package runs on every Debian since bookworm.
 */
export const SERVERS = Object.freeze({
  nats: {
    title: 'NATS',
    binary: 'nats-server',
    folder: 'usr/sbin',
    suite: 'trixie',
    floor: [2, 10],
    versionArgument: '--version',
    variable: 'MASSIF_NATS',
    option: '--nats',
  },
  consul: {
    title: 'Consul',
    binary: 'consul',
    folder: 'usr/bin',
    suite: 'bullseye',
    floor: [1, 8],
    versionArgument: 'version',
    variable: 'MASSIF_CONSUL',
    option: '--consul',
  },
});

/** The folder shared by all checkouts of this user. */
export function cacheFolder(env = process.env) {
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'massif', 'servers');
}

/** Where set-up unpacks a server. @param {ServerKind} kind */
export function cachedFolder(kind, env = process.env) {
  // The architecture is in the name: home folders are shared by machines that differ in it.
  return join(cacheFolder(env), `${SERVERS[kind].binary}-${SERVERS[kind].suite}-${process.arch}`);
}

/**
 * The version that a binary prints, as `[major, minor]`; undefined when it does not run or prints none.
 * @param {ServerKind} kind
 * @param {string} path
 */
export async function serverVersion(kind, path) {
  try {
    const { stdout } = await promisify(execFile)(path, [SERVERS[kind].versionArgument], { timeout: 10_000 });
    const found = /v(\d+)\.(\d+)\./.exec(stdout);
    return found ? [Number(found[1]), Number(found[2])] : undefined;
  } catch {
    return undefined;
  }
}

/** @param {ServerKind} kind @param {readonly number[] | undefined} version */
export function isNewEnough(kind, version) {
  const [major = 0, minor = 0] = version ?? [];
  const [floorMajor = 0, floorMinor = 0] = SERVERS[kind].floor;
  return major > floorMajor || (major === floorMajor && minor >= floorMinor);
}

/** @param {string} path */
async function isExecutable(path) {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/**
 * The path of a server's binary; undefined when this machine has none that is new enough. Throws a sentence when the path that
 * someone gave is wrong: silently taking another one would hide the mistake.
 * @param {ServerKind} kind
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<string | undefined>}
 */
export async function findServer(kind, env = process.env) {
  const { binary, folder, variable, option, floor } = SERVERS[kind];
  const given = env[variable];
  if (given) {
    const version = await serverVersion(kind, resolve(given));
    if (isNewEnough(kind, version)) return resolve(given);
    const seen = version ? `is version ${version.join('.')}` : `does not run`;
    throw new Error(
      `${given} (${option} or ${variable}) ${seen}: name a ${binary} of version ${floor.join('.')} or newer.`,
    );
  }
  for (const place of (env['PATH'] ?? '').split(delimiter).filter(Boolean)) {
    const path = join(place, binary);
    if ((await isExecutable(path)) && isNewEnough(kind, await serverVersion(kind, path))) return path;
  }
  const cached = join(cachedFolder(kind, env), folder, binary);
  return (await isExecutable(cached)) ? cached : undefined;
}

/**
 * The same, for those who cannot go on without.
 * @param {ServerKind} kind
 * @param {NodeJS.ProcessEnv} [env]
 */
export async function requireServer(kind, env = process.env) {
  const path = await findServer(kind, env);
  if (path !== undefined) return path;
  throw new Error(whatToInstall([kind]));
}

/** @param {readonly ServerKind[]} kinds */
export function whatToInstall(kinds) {
  const wanted = kinds.map((kind) => `${SERVERS[kind].binary} ${SERVERS[kind].floor.join('.')} or newer`);
  const options = kinds.map((kind) => `${SERVERS[kind].option} PATH`);
  const [them, are] = kinds.length === 1 ? ['it', 'it is'] : ['them', 'they are'];
  return `Install ${wanted.join(' and ')} so that PATH finds ${them}, or say where ${are}: npm start -- ${options.join(' ')}`;
}
