// Where the mesh is, for the command line: what `--nats` says, else MASSIF_NATS_URLS, else the state file of `npm start`: the one
// that MASSIF_STATE names, or the nearest upward from the folder the command was called in.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { BusUser } from '../../contracts/bus-users.js';
import { failure } from '../../contracts/errors.js';
import { STATE_FILE, StateFile } from '../../contracts/state-file.js';
import { keyFile } from '../../services/mesh/bus-key.js';

export interface MeshPlace {
  /** One NATS server a region, nearest first. */
  readonly urls: readonly string[];
  /** The file of the operator's key on the bus, where there is one. */
  readonly key?: string;
  /** How we know, for people. */
  readonly foundIn: string;
  /** Of a mesh on this machine. */
  readonly state?: StateFile;
}

export interface Surroundings {
  readonly nats: string | undefined;
  /** Which region is the nearest, when the state file names several. */
  readonly region: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly isRunning: (pid: number) => boolean;
}

export function findMesh({ nats, region, env, cwd, isRunning }: Surroundings): MeshPlace {
  if (nats) return { urls: urlsIn(nats), ...keyFor(urlsIn(nats), env, cwd), foundIn: '--nats' };
  const listed = env['MASSIF_NATS_URLS'];
  if (listed)
    return { urls: urlsIn(listed), ...keyFor(urlsIn(listed), env, cwd), foundIn: 'MASSIF_NATS_URLS' };
  const path = env['MASSIF_STATE'] ?? stateFileAbove(cwd);
  if (path === undefined) {
    throw failure(
      'UNAVAILABLE',
      'There is no mesh in sight: run npm start, or say where it is with --nats URL.',
    );
  }
  const state = readState(path);
  if (!isRunning(state.pid)) {
    throw failure(
      'UNAVAILABLE',
      `The mesh of ${path} (process ${state.pid}) has ended: run npm start again.`,
    );
  }
  return { urls: nearestFirst(state, region), ...keyOf('operator', env, state), foundIn: path, state };
}

/** `isRunning` for real processes: a signal 0 asks without doing anything. */
export function processRuns(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // it runs, as somebody else
  }
}

/** MASSIF_NATS_KEY names the file; else the user's own among the keys of the mesh. */
function keyOf(
  user: BusUser,
  env: Surroundings['env'],
  state: StateFile | undefined,
): { readonly key?: string } {
  const given = env['MASSIF_NATS_KEY'];
  if (given) return { key: given };
  const folder = env['MASSIF_KEYS'] ?? (state?.development === true ? undefined : state?.keys);
  const key = folder && join(folder, 'nats', keyFile(user));
  return key && existsSync(key) ? { key } : {};
}

/** Addresses that were given by hand may be those of the mesh that `npm start` runs here. */
export function keyFor(
  urls: readonly string[],
  env: Surroundings['env'],
  cwd: string,
  user: BusUser = 'operator',
): { readonly key?: string } {
  const path = env['MASSIF_STATE'] ?? stateFileAbove(cwd);
  let state: StateFile | undefined;
  try {
    state = path === undefined ? undefined : readState(path);
  } catch {
    // Another build's file: it says nothing of these addresses.
  }
  const known = state?.regions.some((region) => urls.includes(region.nats)) === true;
  return keyOf(user, env, known ? state : undefined);
}

const urlsIn = (list: string): string[] =>
  list
    .split(',')
    .map((url) => url.trim())
    .filter((url) => url !== '');

function nearestFirst({ regions }: StateFile, region: string | undefined): string[] {
  const nearest = regions.find(({ name }) => name === region);
  if (region !== undefined && !nearest) {
    const names = regions.map(({ name }) => name).join(', ');
    throw failure('NOT_FOUND', `There is no region ${region} here; there are ${names}.`);
  }
  return [...(nearest ? [nearest] : []), ...regions.filter((other) => other !== nearest)].map((r) => r.nats);
}

function stateFileAbove(folder: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    const path = join(at, STATE_FILE);
    try {
      readFileSync(path);
      return path;
    } catch {
      if (dirname(at) === at) return undefined;
    }
  }
}

function readState(path: string): StateFile {
  try {
    return StateFile.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    throw failure('UNAVAILABLE', `${path} is not what this build writes: run npm start again.`, {}, error);
  }
}
