// Keys as the mesh knows them: PEM text, a fingerprint, and the one hash that goes with each curve. Publishers sign versions with
// ECDSA, the trust root signs policies and orders with Ed25519.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { failure } from '../../../contracts/errors.js';

export type KeyPurpose = 'publisher' | 'approver' | 'root' | 'operator' | 'auditor';
export type Curve = 'P-256' | 'P-384';

export interface KeyPair {
  readonly privateKeyPem: string;
  readonly publicKeyPem: string;
  readonly fingerprint: string;
}

/** `null` is Ed25519, which brings its own hash. */
export type SignatureHash = 'sha256' | 'sha384' | 'sha512' | null;

const HASH_OF_CURVE: Readonly<Record<string, SignatureHash>> = {
  prime256v1: 'sha256',
  secp384r1: 'sha384',
  secp521r1: 'sha512',
};

/** Publishers and approvers have ECDSA keys, as OpenSSF Model Signing wants them; the others Ed25519. */
export function newKeyPair(purpose: KeyPurpose, curve: Curve = 'P-256'): KeyPair {
  const { privateKey, publicKey } =
    purpose === 'publisher' || purpose === 'approver'
      ? generateKeyPairSync('ec', { namedCurve: curve })
      : generateKeyPairSync('ed25519');
  return {
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    publicKeyPem: pemOf(publicKey),
    fingerprint: fingerprintOf(publicKey),
  };
}

const publicKeys = new Map<string, KeyObject>();
/** To read one takes half as long as the verification that it is read for, and a mesh has a handful. */
const PUBLIC_KEYS_MAX = 64;

export function publicKeyOf(pem: string): KeyObject {
  try {
    const key = publicKeys.get(pem) ?? createPublicKey(pem);
    if (publicKeys.size >= PUBLIC_KEYS_MAX) publicKeys.clear();
    publicKeys.set(pem, key);
    return key;
  } catch (error) {
    throw failure('BAD_REQUEST', 'This is no public key in PEM form.', {}, error);
  }
}

export function privateKeyOf(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw failure('BAD_REQUEST', 'This is no private key in PEM form.', {}, error);
  }
}

/** The public half of either kind, as the PEM text that the fingerprint is taken of. */
export function pemOf(key: KeyObject): string {
  const half = key.type === 'private' ? createPublicKey(key) : key;
  return half.export({ type: 'spki', format: 'pem' }) as string;
}

/** Lowercase hex SHA-256 of the SPKI PEM text, final newline included, as OpenSSF Model Signing has its `hint`. */
export function fingerprintOf(key: KeyObject): string {
  return createHash('sha256').update(pemOf(key)).digest('hex');
}

export function hashFor(key: KeyObject): SignatureHash {
  if (key.asymmetricKeyType === 'ed25519') return null;
  const hash = HASH_OF_CURVE[key.asymmetricKeyDetails?.namedCurve ?? ''];
  if (key.asymmetricKeyType === 'ec' && hash !== undefined) return hash;
  throw failure('BAD_REQUEST', 'Keys are Ed25519, or ECDSA on P-256, P-384 or P-521.');
}
