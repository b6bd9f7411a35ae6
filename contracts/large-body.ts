// A body that one message cannot carry, request or answer: the message carries its beginning and the header Massif-Body, which
// says how long the whole is, its digest, and where the rest lies. Who needs it fetches it: chunk by chunk from the inbox of whoever
// holds it, or as an object of the bucket that is there for such bodies. Nothing is sent before somebody has room for it.
import { failure } from './errors.js';
import { RegionName } from './names.js';
import { quote } from './quote.js';
import { isInbox } from './subjects.js';

export type BodyReference =
  | { readonly kind: 'chunks'; readonly bytes: number; readonly sha256: string; readonly from: string }
  /** The store has length and digest of its own; what is given here must agree with them. */
  | {
      readonly kind: 'object';
      readonly region: string;
      readonly name: string;
      readonly bytes?: number;
      readonly sha256?: string;
    };

/** How a caller can take an answer that one message does not carry; who says nothing gets a 413 that says this. */
export type TakesLarge = 'chunks' | 'object';

/** Of one body, request or answer, wherever no operator said otherwise (MASSIF_BODY_MAX_BYTES, the client's bodyMaxBytes). */
export const BODY_BYTES_MAX = 134_217_728;

/** Of the beginning that travels in the message itself: the JSON part of a body, so that doors can look into it. */
export const BEGINNING_BYTES_MAX = 65_536;

export function writeReference(reference: BodyReference): string {
  const { bytes, sha256 } = reference;
  const where =
    reference.kind === 'chunks' ? `from=${reference.from}` : `object=${reference.region}/${reference.name}`;
  return [where, bytes === undefined ? '' : `bytes=${bytes}`, sha256 === undefined ? '' : `sha256=${sha256}`]
    .filter((part) => part !== '')
    .join(' ');
}

/** Throws BAD_REQUEST for what is no reference; a subject that is no inbox is none. */
export function readReference(header: string): BodyReference {
  const parts = new Map<string, string>();
  for (const part of header.trim().split(/ +/)) {
    const equals = part.indexOf('=');
    parts.set(part.slice(0, equals), part.slice(equals + 1));
  }
  const bytes = readBytes(parts.get('bytes'));
  const sha256 = parts.get('sha256');
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/.test(sha256)) throw malformed(header);
  const from = parts.get('from');
  if (from !== undefined) {
    if (!isInbox(from) || bytes === undefined || sha256 === undefined) throw malformed(header);
    return { kind: 'chunks', bytes, sha256, from };
  }
  const [, region = '', name = ''] = /^([^/]+)\/([\w.:=@-]{1,128})$/.exec(parts.get('object') ?? '') ?? [];
  if (!RegionName.safeParse(region).success) throw malformed(header);
  return {
    kind: 'object',
    region,
    name,
    ...(bytes !== undefined && { bytes }),
    ...(sha256 !== undefined && { sha256 }),
  };
}

export function readTakesLarge(header: string): TakesLarge {
  if (header === 'chunks' || header === 'object') return header;
  throw failure('BAD_REQUEST', `Massif-Accept-Body is chunks or object, not ${quote(header)}.`);
}

/** A request for bytes of a held body, and the word that they are not needed any more. */
export interface ChunkRange {
  readonly offset: number;
  readonly length: number;
}
export const writeRange = ({ offset, length }: ChunkRange): string => `${offset} ${length}`;
export const DONE = 'done';

export function readRange(text: string): ChunkRange | undefined {
  const [, offset, length] = /^(\d{1,15}) (\d{1,9})$/.exec(text) ?? [];
  return offset === undefined ? undefined : { offset: Number(offset), length: Number(length) };
}

function readBytes(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

const malformed = (header: string) =>
  failure(
    'BAD_REQUEST',
    `Massif-Body is ${quote(header)}; it must be from=<inbox> bytes=<n> sha256=<hex> or object=<region>/<name>.`,
  );

export const tooLarge = (what: string, bytes: number, limitBytes: number) =>
  failure(
    'TOO_LARGE',
    `The ${what} has ${bytes} bytes; the limit is ${limitBytes} (MASSIF_BODY_MAX_BYTES).`,
    { bytes, limitBytes },
  );
