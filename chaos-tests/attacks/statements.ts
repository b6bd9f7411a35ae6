// Statements that the publisher whom everybody trusts has signed, and that say something they must not: the signature is right, what is signed is not.
import { PAYLOAD_TYPE } from '../../contracts/manifest.js';
import { signEnvelope } from '../../services/mesh/trust/dsse.js';
import { privateKeyOf } from '../../services/mesh/trust/signing-key.js';
import { type AttackClass, inBundle } from './class.js';
import { keys } from './kit.js';

interface Statement {
  subject: { name: string; digest: { sha256: string } }[];
  predicate: {
    resources: { name: string; digest: string; algorithm: string }[];
    serialization: { method: string };
  };
}

type Change = (statement: Statement, text: string) => unknown;

const inStatement = (name: string, ways: readonly Change[]): AttackClass =>
  inBundle(
    name,
    ways.map((change) => (bundle) => {
      const text = Buffer.from(bundle.dsseEnvelope.payload, 'base64').toString();
      const changed = change(JSON.parse(text) as Statement, text);
      const body = Buffer.from(typeof changed === 'string' ? changed : JSON.stringify(changed));
      return {
        ...bundle,
        dsseEnvelope: signEnvelope(PAYLOAD_TYPE, body, privateKeyOf(keys.good.privateKeyPem)),
      };
    }),
  );

const root =
  (change: (digest: string) => string): Change =>
  (statement) => {
    const [subject] = statement.subject;
    if (subject) subject.digest.sha256 = change(subject.digest.sha256);
    return statement;
  };
const resource =
  (change: (one: Statement['predicate']['resources'][number]) => object): Change =>
  (statement) => {
    const [one] = statement.predicate.resources;
    if (one) Object.assign(one, change(one));
    return statement;
  };
const resources =
  (change: (all: Statement['predicate']['resources']) => unknown): Change =>
  (statement) => {
    Object.assign(statement.predicate, { resources: change(statement.predicate.resources) });
    return statement;
  };

/** Digests that are none of this file. */
const wrong: readonly ((digest: string) => string)[] = [
  () => 'a'.repeat(64),
  () => '0'.repeat(64),
  (digest) => digest.toUpperCase(),
  (digest) => digest.slice(0, 63),
  (digest) => `${digest.slice(1)}${digest[0]}`,
  (digest) => `sha256:${digest}`,
];
const extra = (name: string) => ({ name, digest: 'c'.repeat(64), algorithm: 'sha256' });

export const statements: readonly AttackClass[] = [
  inStatement('a root that is not that of the files', wrong.map(root)),
  inStatement(
    'a digest of another file',
    wrong.map((change) => resource(({ digest }) => ({ digest: change(digest) }))),
  ),
  inStatement(
    'no file at all',
    [[], null, {}, 'model.onnx', undefined].map((value) => resources(() => value)),
  ),
  inStatement(
    'a file that is not there',
    ['weights.bin', 'labels.txt', 'a.onnx', 'model.onnx.data', 'selftest.json'].map((name) =>
      resources((all) => [...all, extra(name)]),
    ),
  ),
  inStatement('a file twice', [
    resources((all) => [...all, ...all]),
    resources((all) => [...all, ...all, ...all]),
    resources(([one]) => [one, { ...one, digest: 'c'.repeat(64) }]),
    resources(([one]) => [{ ...one, digest: 'c'.repeat(64) }, one]),
    resources(([one]) => [one, { ...one, name: 'MODEL.ONNX' }]),
  ]),
  inStatement(
    'a path out of the folder',
    [
      '../model.onnx',
      '/etc/model.onnx',
      'a/../../model.onnx',
      '..\\model.onnx',
      'model.onnx\u0000',
      './model.onnx',
    ].map((name) => resource(() => ({ name }))),
  ),
  inStatement(
    'another method of serialization',
    ['shards', 'tar', '', 'FILES', 'files '].map((method) => (statement: Statement) => {
      statement.predicate.serialization.method = method;
      return statement;
    }),
  ),
  inStatement('a key twice', [
    (_, text) => text.replace('"predicate":', '"_type":"x","predicate":'),
    (_, text) => text.replace('"subject":', '"subject":[],"subject":'),
    (_, text) => text.replace('"predicate":', '"predicate":{},"predicate":'),
    (_, text) => text.replace('"digest":"', '"digest":"0","digest":"'),
    (_, text) => text.replace('"subject":', String.raw`"\u0073ubject":[],"subject":`),
  ]),
  inStatement('no JSON', [
    () => 'model.onnx',
    () => 'null',
    () => '[]',
    (_, text) => `\ufeff${text}`,
    (_, text) => text.slice(0, -1),
    (_, text) => `${text}{}`,
  ]),
  inStatement('nested without end', [
    () => '['.repeat(5_000) + ']'.repeat(5_000),
    () => '{"a":'.repeat(5_000) + '1' + '}'.repeat(5_000),
    () => '['.repeat(200_000),
    () => '[{"a":'.repeat(100) + '1' + '}]'.repeat(100),
    (_, text) => text.replace('"predicate":{', `"predicate":{"x":${'['.repeat(20)}${']'.repeat(20)},`),
  ]),
];
