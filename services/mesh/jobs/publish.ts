// A model that a job made becomes a version: its files signed with the service's key, uploaded and pushed through the registry. The
// same job published twice is one version. The trainer and the compressor publish so.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buckets } from '../../../contracts/buckets.js';
import { failure } from '../../../contracts/errors.js';
import {
  PushReply,
  type PushRequest,
  pushTimeoutMs,
  type VersionRecord,
} from '../../../contracts/registry.js';
import { subjects } from '../../../contracts/subjects.js';
import type { Bus } from '../bus.js';
import { signManifest } from '../trust/manifest.js';
import { privateKeyOf } from '../trust/signing-key.js';

const KEY_FILE = 'publisher.pem';

export interface Publishing {
  readonly model: string;
  readonly label: string;
  readonly aliases: readonly string[];
  /** By the names of resources. */
  readonly files: Readonly<Record<string, Uint8Array>>;
}

/** Throws UNSIGNED where there is no key to sign with. */
export async function publishVersion(bus: Bus, keysDir: string, what: Publishing): Promise<VersionRecord> {
  const { model, label, aliases, files } = what;
  const resources = Object.entries(files).map(([name, bytes]) => ({
    name,
    digest: createHash('sha256').update(bytes).digest('hex'),
    bytes: bytes.length,
  }));
  const { bundle } = signManifest(model, resources, privateKeyOf(await readKey(keysDir)));
  const uploads = await bus.object(buckets.uploads(bus.region));
  for (const { name, digest } of resources)
    await uploads.putBlob({ name: digest }, files[name] ?? new Uint8Array());
  const request: PushRequest = { model, label, bundle, resources, aliases: [...aliases] };
  const reply = await bus.request(subjects.registry('push'), PushReply, request, {
    timeoutMs: pushTimeoutMs(resources),
  });
  return reply.version;
}

async function readKey(keysDir: string): Promise<string> {
  return readFile(join(keysDir, KEY_FILE), 'utf8').catch((error: unknown) => {
    throw failure(
      'UNSIGNED',
      `There is no key to sign with: ${KEY_FILE} is not in the service's folder of keys.`,
      {},
      error,
    );
  });
}
