// A signed order of safety: made by operators, checked by everybody who obeys. Region, key of the bucket, time and signer must fit;
// whether it came before is the order book's to know.
import { Buffer } from 'node:buffer';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { keys } from '../../../contracts/buckets.js';
import { failure } from '../../../contracts/errors.js';
import type { Envelope } from '../../../contracts/manifest.js';
import type { TrustPolicy } from '../../../contracts/trust-policy.js';
import {
  type OrderInForce,
  type OrderTarget,
  Order,
  ORDER_SKEW_MS,
  ORDER_TYPE,
} from '../../../contracts/override.js';
import { signEnvelope, verifyEnvelope } from './dsse.js';
import { fingerprintOf, publicKeyOf } from './signing-key.js';
import { strictJson } from '../strict-json.js';

const ORDER_BYTES_MAX = 8 * 1024;

/** The key id is a hint at which operator's key to check with; it is believed by nobody. */
export function signOrder(order: Order, privateKey: KeyObject): Envelope {
  return signAsOperator(ORDER_TYPE, Order.parse(order), privateKey);
}

/** A document of another kind that counts as an operator's word. */
export function signAsOperator(type: string, document: object, privateKey: KeyObject): Envelope {
  if (privateKey.asymmetricKeyType !== 'ed25519')
    throw failure('BAD_REQUEST', 'Operators sign with an Ed25519 key.');
  const envelope = signEnvelope(type, Buffer.from(JSON.stringify(document)), privateKey);
  const keyid = fingerprintOf(createPublicKey(privateKey));
  return { ...envelope, signatures: envelope.signatures.map((signature) => ({ ...signature, keyid })) };
}

/** The key of a target in a bucket of overrides. */
export function keyOf(target: OrderTarget): string {
  if (target.kind === 'arm') return keys.armOrder(target.endpoint, target.arm);
  return target.kind === 'shard' ? keys.shardOrder(target.shard) : keys.versionOrder(target.version);
}

/** Throws UNSIGNED with a sentence that says what is wrong with it. */
export function verifyOrder(
  envelope: Envelope,
  policy: TrustPolicy,
  { region, nowMs }: { readonly region: string; readonly nowMs: number },
): OrderInForce {
  const { body, person } = operatorsWord(envelope, ORDER_TYPE, policy, nowMs);
  const read = Order.safeParse(strictJson(body, 'The order', { bytesMax: ORDER_BYTES_MAX }));
  if (!read.success) throw refused('The order has not the agreed form.', read.error);
  const order = read.data;
  if (order.region !== region) throw refused(`The order is for region ${order.region}, not for ${region}.`);
  if (nowMs >= Date.parse(order.expiresAt)) throw refused(`The order ended at ${order.expiresAt}.`);
  if (Date.parse(order.issuedAt) > nowMs + ORDER_SKEW_MS)
    throw refused(`The order begins at ${order.issuedAt}, which is in the future: compare the clocks.`);
  return { order, person };
}

/** What an operator of the policy signed as `type`, and who that is. Throws UNSIGNED. */
export function operatorsWord(
  envelope: Envelope,
  type: string,
  { operators = [], version }: TrustPolicy,
  nowMs: number,
): { readonly body: Uint8Array; readonly person: string } {
  const keyid = envelope.signatures[0]?.keyid ?? '';
  const operator = operators.find(({ fingerprint }) => fingerprint === keyid);
  if (!operator) throw refused(`No operator of trust policy ${version} has the key that signed it.`);
  const key = publicKeyOf(operator.publicKeyPem);
  const { person, notBefore, notAfter, revokedAt } = operator;
  if (key.asymmetricKeyType !== 'ed25519' || fingerprintOf(key) !== keyid)
    throw refused(`The trust policy gives ${person} a key that is not Ed25519 or not theirs.`);
  const body = verifyEnvelope(envelope, type, key);
  if (revokedAt !== undefined && nowMs >= Date.parse(revokedAt))
    throw refused(`The key of ${person} was revoked at ${revokedAt}.`);
  if (nowMs < Date.parse(notBefore) || nowMs > Date.parse(notAfter))
    throw refused(`The key of ${person} counts from ${notBefore} to ${notAfter}.`);
  return { body, person };
}

const refused = (sentence: string, cause?: unknown) => failure('UNSIGNED', sentence, {}, cause);
