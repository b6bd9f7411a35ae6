// The files that make up a version, as `massif push` and `massif sign` are told them.
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { failure } from '../../contracts/errors.js';
import { RESOURCES } from '../../contracts/manifest.js';
import { Card } from '../../contracts/registry.js';
import { text, texts, type Values } from '../cli/command.js';
import type { PushFile } from '../push.js';

export const FILE_OPTIONS = {
  card: { type: 'string' },
  labels: { type: 'string' },
  selftest: { type: 'string' },
  external: { type: 'string', multiple: true },
} as const;

export const FILE_HELP = `  --card FILE             JSON: licence, description, source, warmDims, ...
  --labels FILE           one label a line, for example the characters of a recogniser
  --selftest FILE         JSON: inputs and outputs that a shard tries before it serves
  --external [NAME=]FILE  external data of the graph; NAME is its location there, else the file's own name`;

export async function filesOf(model: string, values: Values): Promise<PushFile[]> {
  const files: PushFile[] = [{ name: RESOURCES.model, path: model }];
  const card = text(values, 'card');
  if (card !== undefined) files.push({ name: RESOURCES.card, bytes: await readCard(card) });
  for (const name of ['labels', 'selftest'] as const) {
    const path = text(values, name);
    if (path !== undefined) files.push({ name: RESOURCES[name], path });
  }
  for (const given of texts(values, 'external')) {
    const equals = given.indexOf('=');
    const [name, path] =
      equals > 0 ? [given.slice(0, equals), given.slice(equals + 1)] : [basename(given), given];
    files.push({ name, path });
  }
  return files;
}

/** Read here as well, so that a slip of the pen is told before anything is sent. */
async function readCard(path: string): Promise<Uint8Array> {
  const bytes = await readBytes(path);
  try {
    Card.parse(JSON.parse(new TextDecoder().decode(bytes)));
    return bytes;
  } catch (error) {
    throw failure('BAD_REQUEST', `${path} is no model card: ${(error as Error).message}.`, {}, error);
  }
}

export async function readBytes(path: string): Promise<Uint8Array> {
  return readFile(path).catch((error: unknown) => {
    throw failure('BAD_REQUEST', `The file ${path} cannot be read.`, {}, error);
  });
}
