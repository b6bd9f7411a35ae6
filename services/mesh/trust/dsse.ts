// DSSE envelopes: a signature over the payload's type and bytes together, so that bytes signed as one thing are never read as
// another. Manifests, trust policies and orders are all carried in one.
import { Buffer } from 'node:buffer';
import { type KeyObject, sign, verify } from 'node:crypto';
import { failure } from '../../../contracts/errors.js';
import type { Envelope } from '../../../contracts/manifest.js';
import { fingerprintOf, hashFor } from './signing-key.js';

/** Pre-authentication encoding: `DSSEv1 <length> <type> <length> <body>`, decimal byte lengths. */
export function pae(payloadType: string, body: Uint8Array): Uint8Array {
  const typeBytes = Buffer.byteLength(payloadType);
  return Buffer.concat([Buffer.from(`DSSEv1 ${typeBytes} ${payloadType} ${body.byteLength} `, 'utf8'), body]);
}

export function signEnvelope(payloadType: string, body: Uint8Array, privateKey: KeyObject): Envelope {
  const sig = sign(hashFor(privateKey), pae(payloadType, body), privateKey);
  return {
    payload: Buffer.from(body).toString('base64'),
    payloadType,
    signatures: [{ sig: sig.toString('base64'), keyid: '' }],
  };
}

/** The payload, once the signature over exactly these bytes holds. Throws UNSIGNED; whoever parses must parse what this returns. */
export function verifyEnvelope(envelope: Envelope, payloadType: string, publicKey: KeyObject): Uint8Array {
  if (envelope.payloadType !== payloadType)
    throw failure('UNSIGNED', `The envelope holds ${envelope.payloadType}, expected ${payloadType}.`);
  const [signature] = envelope.signatures;
  if (envelope.signatures.length !== 1 || !signature)
    throw failure('UNSIGNED', 'An envelope carries exactly one signature.');
  const body = strictBase64(envelope.payload, 'payload');
  const sig = strictBase64(signature.sig, 'signature');
  if (!verify(hashFor(publicKey), pae(payloadType, body), publicKey, sig))
    throw failure('UNSIGNED', 'The signature does not match the signed bytes.', {
      key: fingerprintOf(publicKey),
    });
  return body;
}

/** Node's decoder skips junk; one value must have one spelling, in the standard or the URL-safe alphabet. */
export function strictBase64(text: string, what: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  const bare = text.replace(/=+$/, '');
  const matches =
    bytes.toString('base64') === text ||
    (bytes.toString('base64url') === bare && text.length - bare.length <= 2);
  if (!matches) throw failure('UNSIGNED', `The ${what} is not base64.`);
  return bytes;
}
