// Reads a file of known size and digest into memory, and gives it back only when it is that file. Push scans what this returns.
import { createHash } from 'node:crypto';
import { failure } from '../../contracts/errors.js';
import { shortDigest } from '../../contracts/names.js';
import type { Resource } from '../../contracts/registry.js';

/** Throws UNSIGNED when the bytes are not the signed ones. */
export async function readWhole(
  { name, bytes: size, digest }: Resource,
  source: AsyncIterable<Uint8Array>,
): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(size);
  const hash = createHash('sha256');
  let at = 0;
  for await (const part of source) {
    if (at + part.length > size) throw tampered(name, `it has more than the ${size} bytes announced`);
    bytes.set(part, at);
    hash.update(part);
    at += part.length;
  }
  if (at < size) throw tampered(name, `it has ${at} bytes, not ${size}`);
  const found = hash.digest('hex');
  if (found !== digest)
    throw tampered(name, `its digest is ${shortDigest(found)}, not ${shortDigest(digest)}`);
  return bytes;
}

const tampered = (name: string, why: string) =>
  failure('UNSIGNED', `The upload of ${name} is not what was signed: ${why}.`, { name });
