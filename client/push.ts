// A push from the publisher's side: digests of all files, the signed manifest over them, and their bytes in the home region's
// upload bucket under their digests. Then the registry is asked to make a version of them, or nothing.
import { jetstream } from '@nats-io/jetstream';
import { Objm } from '@nats-io/obj';
import { createHash, type KeyObject } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buckets } from '../contracts/buckets.js';
import { failure } from '../contracts/errors.js';
import type { Bundle } from '../contracts/manifest.js';
import type { PushRequest, Resource } from '../contracts/registry.js';
import { signManifest, type SignedManifest } from '../services/mesh/trust/manifest.js';
import { privateKeyOf } from '../services/mesh/trust/signing-key.js';
import type { Connections } from './connections.js';
import { regionOf } from './processes.js';

/** One file of a version: `model.onnx` and its company (contracts/manifest.ts), external data under its name in the graph. */
export type PushFile = { readonly name: string } & (
  { readonly bytes: Uint8Array } | { readonly path: string }
);

export type PushOptions = (
  | {
      /** The publisher's key: PKCS#8 PEM, ECDSA on P-256 or P-384. */
      readonly privateKeyPem: string;
    }
  | {
      /** Signed before, over these very files. */
      readonly bundle: Bundle;
    }
) & {
  readonly model: string;
  readonly label: string;
  /** Aliases to move to the new version in the same step. */
  readonly aliases?: readonly string[];
  readonly onProgress?: (file: Resource, state: 'uploading' | 'uploaded') => void;
};

export interface Source extends Resource {
  readonly file: PushFile;
}

export async function signedPush(
  files: readonly PushFile[],
  options: PushOptions,
): Promise<{ request: PushRequest; sources: Source[] }> {
  const { model, label, aliases = [] } = options;
  const { bundle, sources } =
    'bundle' in options
      ? { bundle: options.bundle, sources: await describeAll(files) }
      : await signFiles(files, model, privateKeyOf(options.privateKeyPem));
  const resources = sources.map(({ name, digest, bytes }) => ({ name, digest, bytes }));
  return { request: { model, label, bundle, resources, aliases: [...aliases] }, sources };
}

/** The signed manifest over these files, and what they are. */
export async function signFiles(
  files: readonly PushFile[],
  model: string,
  key: KeyObject,
): Promise<SignedManifest & { readonly sources: Source[] }> {
  const sources = await describeAll(files);
  return { ...signManifest(model, sources, key), sources };
}

const describeAll = (files: readonly PushFile[]): Promise<Source[]> => Promise.all(files.map(describe));

const UPLOAD_TIMEOUT_MS = 10_000;

/** What lies there from an earlier try is not sent again. */
export async function uploadMissing(
  connections: Connections,
  sources: readonly Source[],
  onProgress: PushOptions['onProgress'],
): Promise<void> {
  const home = await homeRegion(connections);
  await connections.nearest(async ({ nc }) => {
    const js = jetstream(nc, { domain: home, timeout: UPLOAD_TIMEOUT_MS });
    const store = await new Objm(js).open(buckets.uploads(home));
    for (const source of sources) {
      onProgress?.(source, 'uploading');
      const there = await store.info(source.digest);
      if (!there || there.size !== source.bytes)
        await store.put({ name: source.digest }, stream(source.file));
      onProgress?.(source, 'uploaded');
    }
  });
}

/** A mesh has one home for as long as it lives. */
const homes = new WeakMap<Connections, string>();

/** Where the registry runs, because there the catalog is written. */
async function homeRegion(connections: Connections): Promise<string> {
  const region = homes.get(connections) ?? (await regionOf(connections, 'registry'));
  if (region !== undefined) {
    homes.set(connections, region);
    return region;
  }
  throw failure('UNAVAILABLE', 'No registry answers, so nothing can be published now.');
}

async function describe(file: PushFile): Promise<Source> {
  const hash = createHash('sha256');
  if ('bytes' in file) {
    hash.update(file.bytes);
    return { name: file.name, digest: hash.digest('hex'), bytes: file.bytes.length, file };
  }
  const { size } = await stat(file.path).catch((error: unknown) => {
    throw failure('BAD_REQUEST', `The file ${file.path} cannot be read.`, {}, error);
  });
  for await (const part of createReadStream(file.path)) hash.update(part as Uint8Array);
  return { name: file.name, digest: hash.digest('hex'), bytes: size, file };
}

function stream(file: PushFile): ReadableStream<Uint8Array> {
  if ('path' in file) return Readable.toWeb(createReadStream(file.path)) as ReadableStream<Uint8Array>;
  return new ReadableStream({
    start(controller) {
      controller.enqueue(file.bytes);
      controller.close();
    },
  });
}
