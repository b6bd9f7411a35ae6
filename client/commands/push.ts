// `massif push FILE`: signs an ONNX file and what belongs to it, uploads it and publishes it as a version.
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { failure } from '../../contracts/errors.js';
import { RESOURCES } from '../../contracts/manifest.js';
import { shortDigest } from '../../contracts/names.js';
import { Card } from '../../contracts/registry.js';
import {
  argument,
  type Command,
  type Invocation,
  text,
  texts,
  UsageError,
  type Values,
} from '../cli/command.js';
import { bytesText } from '../cli/table.js';
import type { PushFile } from '../push.js';

const KEY_FILE = 'publisher.pem';

export const push: Command = {
  name: 'push',
  usage:
    'push FILE --name MODEL --label LABEL [--card FILE] [--labels FILE] [--external [NAME=]FILE ...] [--alias ALIAS ...]',
  summary: 'signs and publishes an ONNX file as an immutable version',
  help: `  --name MODEL            the model it is a version of
  --label LABEL           what people call this version, such as v2
  --card FILE             JSON: licence, description, source, warmDims, ...
  --labels FILE           one label a line, for example the characters of a recogniser
  --selftest FILE         JSON: inputs and outputs that a shard tries before it serves
  --external [NAME=]FILE  external data of the graph; NAME is its location there, else the file's own name
  --alias ALIAS           aliases to move to this version, such as stable
  --key FILE              the publisher's key (else MASSIF_KEYS/publisher.pem, else that of the mesh on this machine)`,
  options: {
    name: { type: 'string' },
    label: { type: 'string' },
    card: { type: 'string' },
    labels: { type: 'string' },
    selftest: { type: 'string' },
    external: { type: 'string', multiple: true },
    alias: { type: 'string', multiple: true },
    key: { type: 'string' },
  },
  async run(invocation: Invocation) {
    const { args, values, out } = invocation;
    const path = argument(args, 0, 'FILE');
    const model = text(values, 'name');
    const label = text(values, 'label');
    if (!model || !label) throw new UsageError('--name and --label say which version this becomes');
    const files = [{ name: RESOURCES.model, path }, ...(await companions(values))];
    const privateKeyPem = await readKey(invocation);
    const massif = await invocation.client('routed');
    const { version, created } = await massif.registry.push(files, {
      model,
      label,
      privateKeyPem,
      aliases: texts(values, 'alias'),
      onProgress: (file, state) => {
        if (state === 'uploading') out.note(`uploading ${file.name}, ${bytesText(file.bytes)}`);
      },
    });
    out.show({ version, created }, () =>
      created
        ? `${model} ${label} is published: ${shortDigest(version.digest)}, ${bytesText(version.bytes)}, signed by ${version.signer.person}`
        : `${model} ${label} was published already: ${shortDigest(version.digest)}`,
    );
  },
};

async function companions(values: Values): Promise<PushFile[]> {
  const files: PushFile[] = [];
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
  const bytes = await read(path);
  try {
    Card.parse(JSON.parse(new TextDecoder().decode(bytes)));
    return bytes;
  } catch (error) {
    throw failure('BAD_REQUEST', `${path} is no model card: ${(error as Error).message}.`, {}, error);
  }
}

async function readKey({ values, env, place }: Invocation): Promise<string> {
  const given = text(values, 'key');
  if (given !== undefined) return new TextDecoder().decode(await read(given));
  const folder = env['MASSIF_KEYS'] ?? place().state?.keys;
  if (folder === undefined)
    throw new UsageError('--key FILE says which key signs, there is no mesh on this machine');
  return new TextDecoder().decode(await read(join(folder, KEY_FILE)));
}

async function read(path: string): Promise<Uint8Array> {
  return readFile(path).catch((error: unknown) => {
    throw failure('BAD_REQUEST', `The file ${path} cannot be read.`, {}, error);
  });
}
