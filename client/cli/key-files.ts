// Where the command line finds keys: the file that --key names, else the one of that name in MASSIF_KEYS, else in the folder of the
// mesh on this machine.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { failure } from '../../contracts/errors.js';
import { type Invocation, text, UsageError } from './command.js';

export type KeyPlace = Pick<Invocation, 'values' | 'env' | 'place'>;

/** `fileName`: `publisher.pem`, `operator.pem`, ... Throws UsageError with `whose` when there is no folder to look in. */
export async function readKeyFile(place: KeyPlace, fileName: string, whose: string): Promise<string> {
  const given = text(place.values, 'key');
  const folder = given === undefined ? keysFolder(place) : undefined;
  const path = given ?? (folder === undefined ? undefined : join(folder, fileName));
  if (path === undefined)
    throw new UsageError(`--key FILE says ${whose}; there is no mesh on this machine to ask`);
  return readText(path);
}

/** Undefined where neither the environment nor a mesh on this machine says. */
export function keysFolder({ env, place }: Omit<KeyPlace, 'values'>): string | undefined {
  if (env['MASSIF_KEYS']) return env['MASSIF_KEYS'];
  try {
    return place().state?.keys;
  } catch {
    return undefined;
  }
}

export async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    throw failure('BAD_REQUEST', `The file ${path} cannot be read.`, {}, error);
  });
}
