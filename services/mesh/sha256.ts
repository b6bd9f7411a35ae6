// The SHA-256 of large bytes, piece by piece: 64 MB at once would hold up whoever else needs the event loop for a tenth of a second.
import { createHash, type Hash } from 'node:crypto';
import { setImmediate as othersFirst } from 'node:timers/promises';

// About a millisecond's work.
const PIECE_BYTES = 1_048_576;

export async function sha256InPieces(bytes: Uint8Array, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    if (at > 0) await othersFirst();
    signal?.throwIfAborted();
    hash.update(bytes.subarray(at, at + PIECE_BYTES));
  }
  return hash.digest('hex');
}

/** Of bytes that arrive in order and are not looked at twice. */
export const runningSha256 = (): Hash => createHash('sha256');
