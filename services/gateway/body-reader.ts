// Reads a request's body with an end to it: the limit holds for the bytes on the wire and for the bytes after inflating, and
// is checked while reading, so that neither a long body nor an inflation bomb is ever held in memory.
import type { Readable } from 'node:stream';
import { type Gunzip, type Inflate, createGunzip, createInflate } from 'node:zlib';
import { failure, type Failure } from '../../contracts/errors.js';
import type { Encoding } from './media.js';

export interface BodyLimits {
  readonly encoding: Encoding;
  readonly limitBytes: number;
  /** Content-Length as sent, when there is one. */
  readonly declaredBytes: number | undefined;
}

// A sender that is told 413 while it still sends often sees a broken connection instead of the answer. So what is too much is
// read on and thrown away, up to this many limits; who sends even more than that is cut off.
const DISCARD_FACTOR = 4;

export function readBody(source: Readable, limits: BodyLimits): Promise<Buffer> {
  const { encoding, limitBytes } = limits;
  return new Promise((resolve, reject) => {
    const inflater = openInflater(encoding);
    const chunks: Buffer[] = [];
    const whole = inflater ? undefined : wholeFor(limits);
    let wireBytes = 0;
    let bodyBytes = 0;
    let refusal: Failure | undefined;

    const refuse = (reason: Failure) => {
      if (refusal) return;
      refusal = reason;
      chunks.length = 0;
      inflater?.destroy();
      if (source.readableEnded) reject(reason);
    };
    const keep = (chunk: Buffer) => {
      bodyBytes += chunk.length;
      if (bodyBytes > limitBytes) refuse(tooLarge(limitBytes));
      else if (whole && bodyBytes <= whole.length) whole.set(chunk, bodyBytes - chunk.length);
      else chunks.push(chunk);
    };
    const finish = () =>
      refusal ? reject(refusal) : resolve(whole?.length === bodyBytes ? whole : join(chunks, bodyBytes));

    inflater?.on('data', keep);
    inflater?.on('end', finish);
    inflater?.on('error', (error) =>
      refuse(failure('BAD_REQUEST', `The ${encoding} body does not inflate: ${error.message}.`, {}, error)),
    );

    if (limits.declaredBytes !== undefined && limits.declaredBytes > limitBytes) refuse(tooLarge(limitBytes));
    source.on('data', (chunk: Buffer) => {
      wireBytes += chunk.length;
      if (wireBytes > limitBytes) refuse(tooLarge(limitBytes));
      if (refusal) {
        if (wireBytes > limitBytes * DISCARD_FACTOR) {
          source.pause();
          reject(refusal);
        }
        return;
      }
      if (!inflater) return keep(chunk);
      if (!inflater.write(chunk)) {
        source.pause();
        inflater.once('drain', () => source.resume());
        inflater.once('close', () => source.resume());
      }
    });
    source.on('end', () => {
      if (refusal) return reject(refusal);
      if (inflater) inflater.end();
      else finish();
    });
    source.on('error', reject);
    source.on('aborted', () => reject(failure('BAD_REQUEST', 'The body ended before its declared length.')));
  });
}

const openInflater = (encoding: Encoding): Gunzip | Inflate | undefined => {
  switch (encoding) {
    case 'gzip':
      return createGunzip();
    case 'deflate':
      return createInflate();
    case 'identity':
      return undefined;
  }
};

// Joining the pieces of a large body in the end would hold up everybody; its place is made at the start. Pages that nothing was
// written to cost nothing.
const LARGE_BYTES = 1_048_576;

const wholeFor = ({ declaredBytes = 0, limitBytes }: BodyLimits): Buffer | undefined =>
  declaredBytes >= LARGE_BYTES && declaredBytes <= limitBytes
    ? Buffer.allocUnsafeSlow(declaredBytes)
    : undefined;

const join = (chunks: readonly Buffer[], bytes: number): Buffer => {
  const [only] = chunks;
  return chunks.length === 1 && only ? only : Buffer.concat(chunks, bytes);
};

export const tooLarge = (limitBytes: number): Failure =>
  failure('TOO_LARGE', `The body has more than ${limitBytes} bytes (MASSIF_BODY_MAX_BYTES).`, {
    limitBytes,
  });
