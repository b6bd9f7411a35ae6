// Reads a file once, through one descriptor, and gives back its bytes only when they are the ones that were signed. Host and
// engine both read so, at every load: an earlier check of the same path would be worth nothing.
import { createHash } from 'node:crypto';
import { constants, type FileHandle, type FileReadResult, open } from 'node:fs/promises';
import { failure } from '../../contracts/errors.js';
import type { Digest } from '../../contracts/names.js';

// One tick of the event loop hashes this much, about a millisecond.
const CHUNK_BYTES = 1024 * 1024;

export interface Expected {
  /** For messages: the resource, not the path. */
  readonly name: string;
  readonly digest: Digest;
  readonly bytes: number;
}

/** Throws UNSIGNED when it is another file than expected; file system errors pass through (ENOENT: it is not there). */
export async function readVerified(path: string, expected: Expected): Promise<Uint8Array> {
  let bytes: Uint8Array = new Uint8Array();
  await verified(path, expected, (size) => (bytes = Buffer.allocUnsafeSlow(size)));
  return bytes;
}

/** The same check of a file that is too large to be held: two chunks of it are in memory at a time. */
export function checkVerified(path: string, expected: Expected): Promise<void> {
  return verified(path, expected, () => undefined);
}

/** Into another file, which nobody else may open and which ends up with the very bytes that were checked. The folder must be the caller's own. */
export async function copyVerified(path: string, expected: Expected, to: string): Promise<void> {
  const copy = await open(to, 'wx', 0o600);
  try {
    await verified(
      path,
      expected,
      () => undefined,
      async (part, at) => {
        for (let done = 0; done < part.length;)
          done += (await copy.write(part, done, part.length - done, at + done)).bytesWritten;
      },
    );
  } finally {
    await copy.close();
  }
}

/** Into the bytes that `room` gives for the whole file, or through two chunks in turn where it gives none; `keep` sees each part of it. */
async function verified(
  path: string,
  expected: Expected,
  room: (size: number) => Uint8Array | undefined,
  keep?: (part: Uint8Array, at: number) => Promise<void>,
): Promise<void> {
  // O_NOFOLLOW: a link in the cache is no file of ours.
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { size, nlink } = await regular(file, expected.name);
    // A second name of the same file would let somebody else write it after it was checked.
    if (nlink !== 1) throw tampered(expected.name, `its file has ${nlink} names`);
    if (size !== expected.bytes) throw tampered(expected.name, `it has ${size} bytes, not ${expected.bytes}`);
    const whole = room(size);
    const chunks = [0, 1].map(() => whole ?? Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, size)));
    const hash = createHash('sha256');
    const startOf = (at: number): number => (whole === undefined ? 0 : at);
    const readAt = (at: number, turn: number): Promise<FileReadResult<Uint8Array>> =>
      file.read(chunks[turn % 2] as Uint8Array, startOf(at), Math.min(CHUNK_BYTES, size - at), at);
    // The next part is read while this one is hashed.
    let reading = size > 0 ? readAt(0, 0) : undefined;
    for (let at = 0, turn = 0; reading !== undefined; turn++) {
      const { buffer, bytesRead } = await reading;
      if (bytesRead === 0) throw tampered(expected.name, 'it became shorter while it was read');
      const next = at + bytesRead;
      reading = next < size ? readAt(next, turn + 1) : undefined;
      reading?.catch(() => undefined); // heard when its turn comes
      const part = buffer.subarray(startOf(at), startOf(at) + bytesRead);
      hash.update(part);
      await keep?.(part, at);
      at = next;
    }
    if (hash.digest('hex') !== expected.digest) throw tampered(expected.name, 'its digest is another');
  } finally {
    await file.close();
  }
}

async function regular(file: FileHandle, name: string): Promise<{ size: number; nlink: number }> {
  const stat = await file.stat();
  if (!stat.isFile()) throw tampered(name, 'it is no regular file');
  return stat;
}

const tampered = (name: string, why: string) =>
  failure('UNSIGNED', `"${name}" is not what was signed: ${why}.`, { resource: name });
