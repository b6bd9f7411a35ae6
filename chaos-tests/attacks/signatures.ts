// Faults of the signature, by a thief who has the bytes and no key, or the wrong one. Each control is the same version with its own bundle.
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { BASELINE_TYPE } from '../../contracts/baseline-job.js';
import { type Bundle, PAYLOAD_TYPE } from '../../contracts/manifest.js';
import { ORDER_TYPE } from '../../contracts/override.js';
import { PROBES_TYPE } from '../../contracts/probe.js';
import { TRUST_POLICY_TYPE } from '../../contracts/trust-policy.js';
import { pae, signEnvelope } from '../../services/mesh/trust/dsse.js';
import { newKeyPair, privateKeyOf } from '../../services/mesh/trust/signing-key.js';
import { type AttackClass, inBundle } from './class.js';
import { approved, approverKeys, keys, makeVersion } from './kit.js';

const good = () => privateKeyOf(keys.good.privateKeyPem);
const payloadOf = (bundle: Bundle): Buffer => Buffer.from(bundle.dsseEnvelope.payload, 'base64');
const signatureOf = (bundle: Bundle): Buffer =>
  Buffer.from(bundle.dsseEnvelope.signatures[0]?.sig ?? '', 'base64');
const withSignature = (bundle: Bundle, sig: Uint8Array | string): Bundle => ({
  ...bundle,
  dsseEnvelope: {
    ...bundle.dsseEnvelope,
    signatures: [{ sig: typeof sig === 'string' ? sig : Buffer.from(sig).toString('base64'), keyid: '' }],
  },
});
const withPayload = (bundle: Bundle, payload: string): Bundle => ({
  ...bundle,
  dsseEnvelope: { ...bundle.dsseEnvelope, payload },
});

const flips = [0, 1, 3, 8, 20, 40, 60].map((at) => (bundle: Bundle) => {
  const sig = signatureOf(bundle);
  sig[at] = (sig[at] ?? 0) ^ 4;
  return withSignature(bundle, sig);
});

const others = [
  () => makeVersion(),
  () => makeVersion({ by: 'late' }),
  () => makeVersion({ by: 'stranger' }),
  () => makeVersion({ model: 'another-one' }),
  () => makeVersion({ by: 'narrow' }),
];

const strangers: readonly (readonly [key: () => KeyObject, hash: string | null])[] = [
  [() => privateKeyOf(keys.stranger.privateKeyPem), 'sha256'],
  [() => privateKeyOf(newKeyPair('publisher').privateKeyPem), 'sha256'],
  [() => privateKeyOf(newKeyPair('publisher', 'P-384').privateKeyPem), 'sha384'],
  [() => privateKeyOf(newKeyPair('operator').privateKeyPem), null],
  [() => privateKeyOf(approverKeys.bob.privateKeyPem), 'sha256'],
  [() => generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey, 'sha256'],
];

const types = [
  ORDER_TYPE,
  BASELINE_TYPE,
  PROBES_TYPE,
  TRUST_POLICY_TYPE,
  'application/json',
  `${PAYLOAD_TYPE} `,
];

/** What a careless verifier might have hashed instead of type and body with their lengths. */
const bodies: readonly ((body: Buffer) => Uint8Array)[] = [
  (body) => body,
  (body) => Buffer.concat([Buffer.from(PAYLOAD_TYPE), body]),
  (body) => Buffer.from(body.toString('base64')),
  (body) =>
    Buffer.from(
      Buffer.from(pae(PAYLOAD_TYPE, body)).toString('latin1').replace('DSSEv1', 'DSSEv2'),
      'latin1',
    ),
  (body) => pae('', body),
  (body) => Buffer.concat([pae(PAYLOAD_TYPE, body), Buffer.from('\n')]),
];

const raw = (bundle: Bundle): Buffer =>
  sign('sha256', pae(PAYLOAD_TYPE, payloadOf(bundle)), { key: good(), dsaEncoding: 'ieee-p1363' });
const forms: readonly ((bundle: Bundle) => Uint8Array | string)[] = [
  raw,
  (bundle) => Buffer.concat([Buffer.from([0]), raw(bundle)]),
  (bundle) => Buffer.concat([signatureOf(bundle), Buffer.from([0])]),
  (bundle) => Buffer.from(signatureOf(bundle).toString('hex')),
  (bundle) => Buffer.from(signatureOf(bundle).toString('base64')),
  (bundle) => signatureOf(bundle).subarray(0, -1),
];

const empty: readonly ((bundle: Bundle) => Bundle)[] = [
  (bundle) => withSignature(bundle, ''),
  (bundle) => ({ ...bundle, dsseEnvelope: { ...bundle.dsseEnvelope, signatures: [] } as never }),
  (bundle) => withSignature(bundle, Buffer.alloc(64)),
  // r = s = 0, which some libraries took for right (CVE-2022-21449).
  (bundle) => withSignature(bundle, Buffer.from('3006020100020100', 'hex')),
  (bundle) => withSignature(bundle, Buffer.from('3006020101020101', 'hex')),
  // A public key is no secret: who takes it for that of a MAC accepts this.
  (bundle) =>
    withSignature(
      bundle,
      createHmac('sha256', keys.good.publicKeyPem)
        .update(pae(PAYLOAD_TYPE, payloadOf(bundle)))
        .digest(),
    ),
];

const junk: readonly ((payload: string) => string)[] = [
  (payload) => `${payload}!`,
  (payload) => `${payload.slice(0, 40)}\n${payload.slice(40)}`,
  (payload) => ` ${payload}`,
  (payload) => `${payload.slice(0, 12)}-_${payload.slice(12)}`,
  (payload) => `${payload}====`,
  (payload) => payload.slice(0, -2),
];

export const signatures: readonly AttackClass[] = [
  inBundle('a bit of the signature flipped', flips),
  inBundle('the signature of another version', [
    ...others.map((other) => (bundle: Bundle) => withSignature(bundle, signatureOf(other().record.bundle))),
    (bundle) => {
      const { signatures: sigs } = approved({ model: 'x', digest: 'd'.repeat(64) }, 'bob');
      return { ...bundle, dsseEnvelope: { ...bundle.dsseEnvelope, signatures: sigs } };
    },
  ]),
  inBundle(
    'the bundle of another version',
    others.map((other) => () => other().record.bundle),
  ),
  inBundle(
    'signed by a stranger under a trusted name',
    strangers.map(
      ([key, hash]) =>
        (bundle: Bundle) =>
          withSignature(bundle, sign(hash, pae(PAYLOAD_TYPE, payloadOf(bundle)), key())),
    ),
  ),
  inBundle(
    'signed as something else',
    types.map((type) => (bundle: Bundle) => ({
      ...bundle,
      dsseEnvelope: { ...signEnvelope(type, payloadOf(bundle), good()), payloadType: PAYLOAD_TYPE },
    })),
  ),
  inBundle(
    'another payload type',
    types.map((payloadType) => (bundle: Bundle) => ({
      ...bundle,
      dsseEnvelope: { ...bundle.dsseEnvelope, payloadType },
    })),
  ),
  inBundle(
    'signed without the type',
    bodies.map(
      (body) => (bundle: Bundle) => withSignature(bundle, sign('sha256', body(payloadOf(bundle)), good())),
    ),
  ),
  inBundle(
    'a signature in another form',
    forms.map((form) => (bundle: Bundle) => withSignature(bundle, form(bundle))),
  ),
  inBundle(
    'another hash',
    ['sha512', 'sha384', 'sha1', 'sha224', 'sha3-256', 'md5'].map(
      (hash) => (bundle: Bundle) =>
        withSignature(bundle, sign(hash, pae(PAYLOAD_TYPE, payloadOf(bundle)), good())),
    ),
  ),
  inBundle(
    'junk in the base64',
    junk.map((spoil) => (bundle: Bundle) => withPayload(bundle, spoil(bundle.dsseEnvelope.payload))),
  ),
  inBundle('no signature at all', empty),
];
