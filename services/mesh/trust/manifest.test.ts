import { Buffer } from 'node:buffer';
import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { expect, test } from 'vitest';
import { type Bundle, PAYLOAD_TYPE } from '../../../contracts/manifest.js';
import { signEnvelope } from './dsse.js';
import { checkResources, readBundle, rootOf, signManifest, verifyManifest } from './manifest.js';
import { fingerprintOf, pemOf } from './signing-key.js';

const NOW = Date.parse('2026-06-01T00:00:00Z');
const sha = (text: string) => createHash('sha256').update(text).digest('hex');
const files = [
  { name: 'model.onnx', digest: sha('model') },
  { name: 'card.json', digest: sha('card') },
  { name: 'weights/part-2.bin', digest: sha('part 2') },
];

const keyOn = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve }).privateKey;
const policyFor = (key: KeyObject) => ({
  current: () => ({
    version: 1,
    publishers: [
      {
        fingerprint: fingerprintOf(key),
        publicKeyPem: pemOf(key),
        person: 'ann',
        models: ['*'],
        notBefore: '2026-01-01T00:00:00Z',
        notAfter: '2027-01-01T00:00:00Z',
      },
    ],
  }),
});
const ann = keyOn('prime256v1');
const verified = (bundle: Bundle, key = ann) =>
  verifyManifest(bundle, policyFor(key).current(), { model: 'ocr', nowMs: NOW });

/** The same statement with something changed in it, signed by the same key. */
function forged(change: (statement: Record<string, unknown>, text: string) => unknown): Bundle {
  const { bundle } = signManifest('ocr', files, ann);
  const text = Buffer.from(bundle.dsseEnvelope.payload, 'base64').toString();
  const changed = change(JSON.parse(text) as Record<string, unknown>, text);
  const body = Buffer.from(typeof changed === 'string' ? changed : JSON.stringify(changed));
  return { ...bundle, dsseEnvelope: signEnvelope(PAYLOAD_TYPE, body, ann) };
}

test.each(['prime256v1', 'secp384r1', 'secp521r1'])('what a key on %s signs, verifies', (curve) => {
  const key = keyOn(curve);
  const { bundle, root } = signManifest('ocr', files, key);
  const manifest = verified(readBundle(Buffer.from(JSON.stringify(bundle))), key);
  expect(manifest.root).toBe(root);
  expect(manifest.publisher.person).toBe('ann');
  expect(() => checkResources(manifest, files)).not.toThrow();
});

test('the root is SHA-256 over the digests in code-point order of the names', () => {
  const astral = { name: '\u{1f600}', digest: sha('a') }; // UTF-16 would sort it before U+FF5E
  const tilde = { name: '\uff5e', digest: sha('b') };
  const expected = createHash('sha256')
    .update(Buffer.from(tilde.digest + astral.digest, 'hex'))
    .digest('hex');
  expect(rootOf([astral, tilde])).toBe(expected);
});

test('another key with the same name is not trusted', () => {
  const { bundle } = signManifest('ocr', files, keyOn('prime256v1'));
  expect(() => verified(bundle)).toThrow('No publisher');
  const hint = fingerprintOf(ann);
  expect(() => verified({ ...bundle, verificationMaterial: { publicKey: { hint } } })).toThrow(
    'does not match',
  );
});

test('every flipped bit of payload or signature is noticed', () => {
  const { bundle } = signManifest('ocr', files, ann);
  const { payload, signatures } = bundle.dsseEnvelope;
  const sig = signatures[0]?.sig ?? '';
  const flip = (text: string, bit: number) => {
    const bytes = Buffer.from(text, 'base64');
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    return bytes.toString('base64');
  };
  for (let bit = 0; bit < 2_000; bit += 7)
    expect(() =>
      verified({ ...bundle, dsseEnvelope: { ...bundle.dsseEnvelope, payload: flip(payload, bit) } }),
    ).toThrow();
  for (let bit = 0; bit < 500; bit += 3)
    expect(() =>
      verified({
        ...bundle,
        dsseEnvelope: { ...bundle.dsseEnvelope, signatures: [{ sig: flip(sig, bit) }] },
      }),
    ).toThrow();
});

test('a signed statement that says something else is refused', () => {
  expect(() => verified(forged((s) => ({ ...s, predicateType: 'x' })))).toThrow('statement');
  expect(() =>
    verified(forged((s) => ({ ...s, subject: [{ name: 'ocr', digest: { sha256: sha('x') } }] }))),
  ).toThrow('root');
  expect(() => verified(forged((s) => ({ ...s, more: 1 })))).toThrow('statement');
  expect(() => verified(forged((_, text) => text.replace('{', '{"_type":"x",')))).toThrow('twice');
  expect(() => verified(forged((_, text) => text.replace('card.json', '../card.json')))).toThrow(
    'plain relative path',
  );
  expect(() => verified(forged((_, text) => text.replace('card.json', 'zard.json')))).toThrow('sorted');
});

test('bytes signed as something else are not a manifest', () => {
  const { bundle } = signManifest('ocr', files, ann);
  const body = Buffer.from(bundle.dsseEnvelope.payload, 'base64');
  expect(() => verified({ ...bundle, dsseEnvelope: signEnvelope('text/plain', body, ann) })).toThrow(
    'expected',
  );
});

test('base64 with junk in it is refused though a lenient decoder would read it', () => {
  const { bundle } = signManifest('ocr', files, ann);
  const { payload } = bundle.dsseEnvelope;
  const junk = `${payload.slice(0, 8)}*${payload.slice(8)}`;
  expect(() => verified({ ...bundle, dsseEnvelope: { ...bundle.dsseEnvelope, payload: junk } })).toThrow(
    'base64',
  );
});

test('a missing, an altered and an extra file are all refused', () => {
  const manifest = verified(signManifest('ocr', files, ann).bundle);
  expect(() => checkResources(manifest, files.slice(1))).toThrow('model.onnx is missing');
  expect(() =>
    checkResources(manifest, [...files.slice(1), { name: 'model.onnx', digest: sha('other') }]),
  ).toThrow('not the one');
  expect(() => checkResources(manifest, [...files, { name: 'extra.bin', digest: sha('x') }])).toThrow(
    'not part',
  );
});

test('names that leave the folder and empty manifests cannot be signed', () => {
  for (const name of ['/etc/passwd', 'a//b', './a', 'a/..', 'a\\b', ''])
    expect(() => signManifest('ocr', [{ name, digest: sha('x') }], ann)).toThrow('plain relative path');
  expect(() => signManifest('ocr', [], ann)).toThrow('at least one');
});
