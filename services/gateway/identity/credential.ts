// What a key looks like: `msf_<id>_<secret>`. The id finds the record, the secret has 256 random bits, so that one pass of SHA-256 is
// all it takes to keep it (slow hashes are for what people think up).
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { KeyRecord } from '../../../contracts/identity.js';

export interface Credential {
  readonly id: string;
  readonly secret: string;
}

const SHAPE = /^msf_([a-z2-7]{10})_([\w-]{43})$/;
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const ID_LENGTH = 10;

export const newCredential = (): Credential => ({
  id: [...randomBytes(ID_LENGTH)].map((byte) => ALPHABET[byte % ALPHABET.length]).join(''),
  secret: randomBytes(32).toString('base64url'),
});

export const keyText = ({ id, secret }: Credential): string => `msf_${id}_${secret}`;

/** Of `Authorization: Bearer msf_...`; undefined: no key of ours. */
export function readCredential(authorization: string | undefined): Credential | undefined {
  const [, scheme = '', text = ''] = /^(\S+) +(\S+)$/.exec(authorization?.trim() ?? '') ?? [];
  const [, id, secret] = scheme.toLowerCase() === 'bearer' ? (SHAPE.exec(text) ?? []) : [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

export const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex');

export const matches = ({ secret }: Credential, { hash }: Pick<KeyRecord, 'hash'>): boolean =>
  timingSafeEqual(Buffer.from(hashOf(secret), 'hex'), Buffer.from(hash, 'hex'));
