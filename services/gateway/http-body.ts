// An answer of the mesh as an HTTP answer: the body is the same bytes, only the header names the length of its JSON part.
import { promisify } from 'node:util';
import { constants, deflate, gzip } from 'node:zlib';
import { headers } from '../../contracts/headers.js';
import type { Encoding } from './media.js';

const gzipped = promisify(gzip);
const deflated = promisify(deflate);

// Below this the headers of compression cost more than it saves.
const COMPRESS_MIN_BYTES = 1_024;
// Tensors compress little, and the caller waits: the fastest level.
const LEVEL = constants.Z_BEST_SPEED;

export interface HttpBody {
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Buffer;
}

export async function httpBody(
  bytes: Uint8Array,
  jsonLength: number | undefined,
  encoding: Encoding,
): Promise<HttpBody> {
  const plain = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const described: Record<string, string> = {
    'Content-Type': jsonLength === undefined ? 'application/json' : 'application/octet-stream',
    // Counts decompressed bytes, whatever the encoding.
    ...(jsonLength === undefined ? {} : { [headers.jsonLength]: String(jsonLength) }),
  };
  if (encoding === 'identity' || plain.length < COMPRESS_MIN_BYTES)
    return { headers: described, bytes: plain };
  const packed = await (encoding === 'gzip'
    ? gzipped(plain, { level: LEVEL })
    : deflated(plain, { level: LEVEL }));
  return {
    headers: { ...described, 'Content-Encoding': encoding, Vary: 'Accept-Encoding' },
    bytes: packed,
  };
}
