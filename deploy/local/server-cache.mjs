// @ts-check
// Puts the servers that this machine lacks into the per-user cache that all checkouts share. Set-up calls it.
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { unpackFromDebian } from './debian-packages.mjs';
import { withLock } from './lock.mjs';
import {
  cachedFolder,
  cacheFolder,
  findServer,
  isNewEnough,
  SERVERS,
  serverVersion,
  whatToInstall,
} from './servers.mjs';

/** @typedef {import('./servers.mjs').ServerKind} ServerKind */

/** @type {readonly ServerKind[]} */
const KINDS = ['nats', 'consul'];
const DRAFT = 'draft-';

/**
 * Finds every server or unpacks it; throws one sentence that names all that are missing.
 * @param {import('./steps.mjs').Steps} steps
 * @param {NodeJS.ProcessEnv} [env]
 */
export async function prepareServers(steps, env = process.env) {
  if ((await missing(env)).length === 0) return;
  const cache = cacheFolder(env);
  const waiting = () => steps.say('another set-up is unpacking the servers: waiting for it ...');
  await withLock(join(cache, 'lock'), waiting, async () => {
    await sweep(cache);
    const kinds = await missing(env);
    const results = await Promise.allSettled(
      kinds.map((kind) => steps.step(`unpacking ${SERVERS[kind].title}`, () => unpack(kind, cache, env))),
    );
    const failed = kinds.filter((_, i) => results[i]?.status === 'rejected');
    if (failed.length === 0) return;
    const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    throw new Error(whatToInstall(failed), { cause: new AggregateError(reasons) });
  });
}

/** @param {NodeJS.ProcessEnv} env */
async function missing(env) {
  const paths = await Promise.all(KINDS.map((kind) => findServer(kind, env)));
  return KINDS.filter((_, i) => paths[i] === undefined);
}

/** What a killed set-up left; nobody else is at it, we hold the lock. @param {string} cache */
async function sweep(cache) {
  const left = (await readdir(cache)).filter((name) => name.startsWith(DRAFT));
  await Promise.all(left.map((name) => rm(join(cache, name), { recursive: true, force: true })));
}

/**
 * @param {ServerKind} kind
 * @param {string} cache
 * @param {NodeJS.ProcessEnv} env
 */
async function unpack(kind, cache, env) {
  await mkdir(cache, { recursive: true });
  // On the same file system as the cache: it moves in whole or not at all.
  const draft = await mkdtemp(join(cache, DRAFT));
  try {
    const unpacked = await unpackFromDebian(kind, draft, env);
    const version = await serverVersion(kind, join(unpacked, SERVERS[kind].folder, SERVERS[kind].binary));
    if (!isNewEnough(kind, version))
      throw new Error(`Debian's ${SERVERS[kind].binary} does not run on this machine`);
    const home = cachedFolder(kind, env);
    await rm(home, { recursive: true, force: true });
    await rename(unpacked, home);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
