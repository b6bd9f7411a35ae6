// A signed order of safety: made by operators, checked by everybody who obeys. Region, key of the bucket, time and signer must fit;
// whether it came before is the order book's to know.
import { Buffer } from 'node:buffer';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { keys } from '../../contracts/buckets.js';
import { failure } from '../../contracts/errors.js';
import type { Envelope } from '../../contracts/manifest.js';
import type { TrustPolicy } from '../../contracts/trust-policy.js';
import {
  type OrderInForce,
  type OrderTarget,
  Order,
  ORDER_SKEW_MS,
  ORDER_TYPE,
} from '../../contracts/override.js';
import { signEnvelope, verifyEnvelope } from './dsse.js';
import { fingerprintOf, publicKeyOf } from './signing-key.js';
import { strictJson } from './strict-json.js';

const ORDER_BYTES_MAX = 8 * 1024;

/** The key id is a hint at which operator's key to check with; it is believed by nobody. */
export function signOrder(order: Order, privateKey: KeyObject): Envelope {
  if (privateKey.asymmetricKeyType !== 'ed25519')
    throw failure('BAD_REQUEST', 'Orders are signed with an Ed25519 key.');
  const envelope = signEnvelope(ORDER_TYPE, Buffer.from(JSON.stringify(Order.parse(order))), privateKey);
  const keyid = fingerprintOf(createPublicKey(privateKey));
  return { ...envelope, signatures: envelope.signatures.map((signature) => ({ ...signature, keyid })) };
}

/** The key of a target in a bucket of overrides. */
export const keyOf = (target: OrderTarget): string =>
  target.kind === 'arm' ? keys.armOrder(target.endpoint, target.arm) : keys.versionOrder(target.version);

/** Throws UNSIGNED with a sentence that says what is wrong with it. */
export function verifyOrder(
  envelope: Envelope,
  { operators = [], version }: TrustPolicy,
  { region, nowMs }: { readonly region: string; readonly nowMs: number },
): OrderInForce {
  const keyid = envelope.signatures[0]?.keyid ?? '';
  const operator = operators.find(({ fingerprint }) => fingerprint === keyid);
  if (!operator) throw refused(`No operator of trust policy ${version} has the key that signed it.`);
  const key = publicKeyOf(operator.publicKeyPem);
  if (key.asymmetricKeyType !== 'ed25519' || fingerprintOf(key) !== keyid)
    throw refused(`The trust policy gives ${operator.person} a key that is not Ed25519 or not theirs.`);
  const body = verifyEnvelope(envelope, ORDER_TYPE, key);
  const read = Order.safeParse(strictJson(body, 'The order', { bytesMax: ORDER_BYTES_MAX }));
  if (!read.success) throw refused('The order has not the agreed form.', read.error);
  const order = read.data;
  const { person, notBefore, notAfter, revokedAt } = operator;
  if (revokedAt !== undefined && nowMs >= Date.parse(revokedAt))
    throw refused(`The key of ${person} was revoked at ${revokedAt}.`);
  if (nowMs < Date.parse(notBefore) || nowMs > Date.parse(notAfter))
    throw refused(`The key of ${person} counts from ${notBefore} to ${notAfter}.`);
  if (order.region !== region) throw refused(`The order is for region ${order.region}, not for ${region}.`);
  if (nowMs >= Date.parse(order.expiresAt)) throw refused(`The order ended at ${order.expiresAt}.`);
  if (Date.parse(order.issuedAt) > nowMs + ORDER_SKEW_MS)
    throw refused(`The order begins at ${order.issuedAt}, which is in the future: compare the clocks.`);
  return { order, person };
}

const refused = (sentence: string, cause?: unknown) => failure('UNSIGNED', sentence, {}, cause);
