// The signed manifest of a version: which files with which digests make it up, and their root, which is the version's name.
// Publishers build and sign it; gateway, registry and every shard verify it, in the order below, before they look at a model.
import { Buffer } from 'node:buffer';
import { createHash, type KeyObject } from 'node:crypto';
import { failure } from '../../../contracts/errors.js';
import {
  Bundle,
  BUNDLE_MEDIA_TYPE,
  PAYLOAD_TYPE,
  PREDICATE_TYPE,
  Statement,
  STATEMENT_TYPE,
} from '../../../contracts/manifest.js';
import type { Digest } from '../../../contracts/names.js';
import type { TrustPolicy } from '../../../contracts/trust-policy.js';
import { signEnvelope, verifyEnvelope } from './dsse.js';
import { fingerprintOf, publicKeyOf } from './signing-key.js';
import { strictJson } from '../strict-json.js';
import { type Publisher, publisherFor, type Use } from './trust-policy.js';

export interface ResourceDigest {
  readonly name: string;
  readonly digest: Digest;
}

export interface SignedManifest {
  readonly bundle: Bundle;
  /** The version's digest. */
  readonly root: Digest;
}

export interface VerifiedManifest {
  readonly root: Digest;
  readonly resources: readonly ResourceDigest[];
  readonly publisher: Publisher;
}

const BUNDLE_BYTES_MAX = 4 * 1024 * 1024;
/** Such a name has no UTF-8, so what was signed and what is read would differ. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** SHA-256 over the raw digests of the resources, sorted by name in code-point order. */
export function rootOf(resources: readonly ResourceDigest[]): Digest {
  const hash = createHash('sha256');
  for (const { digest } of resources.toSorted(byName)) hash.update(Buffer.from(digest, 'hex'));
  return hash.digest('hex');
}

export function signManifest(
  model: string,
  resources: readonly ResourceDigest[],
  privateKey: KeyObject,
): SignedManifest {
  const sorted = resources.toSorted(byName);
  checkNames(sorted);
  const root = rootOf(sorted);
  const statement: Statement = {
    _type: STATEMENT_TYPE,
    subject: [{ name: model, digest: { sha256: root } }],
    predicateType: PREDICATE_TYPE,
    predicate: {
      resources: sorted.map(({ name, digest }) => ({ name, digest, algorithm: 'sha256' })),
      serialization: { method: 'files', hash_type: 'sha256', allow_symlinks: false, ignore_paths: [] },
    },
  };
  const bundle: Bundle = {
    mediaType: BUNDLE_MEDIA_TYPE,
    verificationMaterial: { publicKey: { hint: fingerprintOf(privateKey) }, tlogEntries: [] },
    dsseEnvelope: signEnvelope(PAYLOAD_TYPE, Buffer.from(JSON.stringify(statement)), privateKey),
  };
  return { bundle, root };
}

/** A bundle from a file: capped, strict JSON, the exact shape. */
export function readBundle(bytes: Uint8Array): Bundle {
  const parsed = Bundle.safeParse(strictJson(bytes, 'The bundle', { bytesMax: BUNDLE_BYTES_MAX }));
  if (parsed.success) return parsed.data;
  throw failure(
    'UNSIGNED',
    'The bundle is not of the form that OpenSSF Model Signing gives it.',
    {},
    parsed.error,
  );
}

/**
 * Key from the policy (the bundle's hint only selects), signature over the bytes, then those very bytes as a statement, its names
 * and root, and last whether this publisher may publish this model today. Throws UNSIGNED, or returns what may be trusted.
 */
export function verifyManifest(bundle: Bundle, policy: TrustPolicy, use: Use): VerifiedManifest {
  const publisher = publisherFor(policy, bundle.verificationMaterial.publicKey.hint, use);
  const body = verifyEnvelope(bundle.dsseEnvelope, PAYLOAD_TYPE, publicKeyOf(publisher.publicKeyPem));
  const parsed = Statement.safeParse(strictJson(body, 'The manifest', { bytesMax: BUNDLE_BYTES_MAX }));
  if (!parsed.success)
    throw failure('UNSIGNED', 'The manifest is not a statement over files.', {}, parsed.error);
  const { resources } = parsed.data.predicate;
  checkNames(resources);
  const root = rootOf(resources);
  if (parsed.data.subject[0]?.digest.sha256 !== root)
    throw failure('UNSIGNED', 'The root in the manifest is not that of its resources.', { root });
  return { root, resources: resources.map(({ name, digest }) => ({ name, digest })), publisher };
}

/** Missing, extra and altered files are refused alike: nothing beside the manifest is part of a version. */
export function checkResources(
  manifest: Pick<VerifiedManifest, 'resources'>,
  present: readonly ResourceDigest[],
): void {
  const found = new Map(present.map(({ name, digest }) => [name, digest]));
  if (found.size !== present.length) throw failure('UNSIGNED', 'A file is given twice.');
  for (const { name, digest } of manifest.resources) {
    const actual = found.get(name);
    if (actual === undefined) throw failure('UNSIGNED', `The signed file ${name} is missing.`, { name });
    if (actual !== digest)
      throw failure('UNSIGNED', `The file ${name} is not the one that was signed.`, { name, actual });
    found.delete(name);
  }
  for (const name of found.keys())
    throw failure('UNSIGNED', `The file ${name} is not part of the signed version.`, { name });
}

/** UTF-8 bytes sort as code points do; UTF-16 units do not. */
function byName(a: { name: string }, b: { name: string }): number {
  return Buffer.compare(Buffer.from(a.name), Buffer.from(b.name));
}

function checkNames(resources: readonly { name: string }[]): void {
  if (resources.length === 0) throw failure('UNSIGNED', 'A manifest names at least one file.');
  resources.forEach((resource, i) => {
    const { name } = resource;
    const plain = name.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
    if (!plain || LONE_SURROGATE.test(name) || name.includes('\0') || name.includes('\\'))
      throw failure('UNSIGNED', `${JSON.stringify(name)} is not a plain relative path.`);
    const before = resources[i - 1];
    if (before && byName(before, resource) >= 0)
      throw failure(
        'UNSIGNED',
        `The names in a manifest are sorted and unique; ${JSON.stringify(name)} is not.`,
      );
  });
}
