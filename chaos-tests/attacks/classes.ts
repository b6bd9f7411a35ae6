// The classes of attempts of the drill: each makes versions that are right in everything but one thing, and says what shows that this one
// thing stopped them. `lenient`: the same versions under a policy without that rule. `twin`: the version without the fault. `runtime`: onnxruntime
// itself would have loaded the bytes.
import { sign } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { ORDER_TYPE } from '../contracts/override.js';
import { type Bundle, PAYLOAD_TYPE } from '../contracts/manifest.js';
import { pae, signEnvelope } from '../services/mesh/dsse.js';
import { privateKeyOf } from '../services/mesh/signing-key.js';
import { GraphBuilder } from '../services/onnx/builder.js';
import { decode, encode } from '../services/onnx/model.js';
import {
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType as T,
} from '../services/onnx/proto/onnx_pb.js';
import type { SignedVersion } from '../services/shard/testing/signed-version.js';
import { anyModel, approved, keys, makeVersion, TWO, withBundle } from './attack-kit.js';

export interface AttackClass {
  readonly name: string;
  readonly control: 'lenient' | 'twin' | 'runtime' | 'none';
  readonly make: (attempt: number) => SignedVersion;
  /** For `twin`: the same without the fault. */
  readonly twin?: (version: SignedVersion) => SignedVersion;
}

const plain = () => makeVersion();
const two = () => `${TWO}-${Math.random().toString(36).slice(2, 10)}`;

/** A fault in the bundle of a version that is whole otherwise. */
const inBundle = (name: string, change: (bundle: Bundle, attempt: number) => Bundle): AttackClass => {
  const originals = new Map<string, SignedVersion>();
  return {
    name,
    control: 'twin',
    make: (attempt) => {
      const version = plain();
      originals.set(version.record.digest, version);
      return withBundle(version, change(version.record.bundle, attempt));
    },
    twin: ({ record }) => originals.get(record.digest) as SignedVersion,
  };
};

type Statement = {
  subject: { name: string; digest: { sha256: string } }[];
  predicate: {
    resources: { name: string; digest: string; algorithm: string }[];
    serialization: { method: string };
  };
};

/** What is signed, changed, and signed anew by the publisher whom everybody trusts. */
const inStatement = (name: string, change: (statement: Statement, text: string) => unknown): AttackClass =>
  inBundle(name, (bundle) => {
    const text = Buffer.from(bundle.dsseEnvelope.payload, 'base64').toString();
    const changed = change(JSON.parse(text) as Statement, text);
    const body = Buffer.from(typeof changed === 'string' ? changed : JSON.stringify(changed));
    return {
      ...bundle,
      dsseEnvelope: signEnvelope(PAYLOAD_TYPE, body, privateKeyOf(keys.good.privateKeyPem)),
    };
  });

const withSignature = (bundle: Bundle, sig: Uint8Array | string): Bundle => ({
  ...bundle,
  dsseEnvelope: {
    ...bundle.dsseEnvelope,
    signatures: [{ sig: typeof sig === 'string' ? sig : Buffer.from(sig).toString('base64'), keyid: '' }],
  },
});
const signatureOf = (bundle: Bundle): Buffer =>
  Buffer.from(bundle.dsseEnvelope.signatures[0]?.sig ?? '', 'base64');

const signatures: readonly AttackClass[] = [
  inBundle('a bit of the signature flipped', (bundle, attempt) => {
    const sig = signatureOf(bundle);
    sig[8 + attempt] = (sig[8 + attempt] ?? 0) ^ 4;
    return withSignature(bundle, sig);
  }),
  inBundle('the signature of another version', (bundle) =>
    withSignature(bundle, signatureOf(plain().record.bundle)),
  ),
  inBundle('the bundle of another version', () => plain().record.bundle),
  inBundle('signed by a stranger under a trusted name', (bundle) => ({
    ...bundle,
    dsseEnvelope: signEnvelope(
      PAYLOAD_TYPE,
      Buffer.from(bundle.dsseEnvelope.payload, 'base64'),
      privateKeyOf(keys.stranger.privateKeyPem),
    ),
  })),
  inBundle('signed as an order', (bundle) => ({
    ...bundle,
    dsseEnvelope: {
      ...signEnvelope(
        ORDER_TYPE,
        Buffer.from(bundle.dsseEnvelope.payload, 'base64'),
        privateKeyOf(keys.good.privateKeyPem),
      ),
      payloadType: PAYLOAD_TYPE,
    },
  })),
  inBundle('another payload type', (bundle) => ({
    ...bundle,
    dsseEnvelope: { ...bundle.dsseEnvelope, payloadType: ORDER_TYPE },
  })),
  inBundle('signed without the type', (bundle) =>
    withSignature(
      bundle,
      sign(
        'sha256',
        Buffer.from(bundle.dsseEnvelope.payload, 'base64'),
        privateKeyOf(keys.good.privateKeyPem),
      ),
    ),
  ),
  inBundle('a signature in raw form', (bundle) =>
    withSignature(
      bundle,
      sign('sha256', pae(PAYLOAD_TYPE, Buffer.from(bundle.dsseEnvelope.payload, 'base64')), {
        key: privateKeyOf(keys.good.privateKeyPem),
        dsaEncoding: 'ieee-p1363',
      }),
    ),
  ),
  inBundle('another hash', (bundle) =>
    withSignature(
      bundle,
      sign(
        'sha512',
        pae(PAYLOAD_TYPE, Buffer.from(bundle.dsseEnvelope.payload, 'base64')),
        privateKeyOf(keys.good.privateKeyPem),
      ),
    ),
  ),
  inBundle('junk in the base64', (bundle) => ({
    ...bundle,
    dsseEnvelope: { ...bundle.dsseEnvelope, payload: `${bundle.dsseEnvelope.payload}!` },
  })),
  inBundle('an empty signature', (bundle) => withSignature(bundle, '')),
];

const statements: readonly AttackClass[] = [
  inStatement('a root that is not that of the files', (statement) => {
    const [subject] = statement.subject;
    if (subject) subject.digest.sha256 = 'a'.repeat(64);
    return statement;
  }),
  inStatement('a digest of another file', (statement) => {
    const [resource] = statement.predicate.resources;
    if (resource) resource.digest = 'b'.repeat(64);
    return statement;
  }),
  inStatement('no file at all', (statement) => {
    statement.predicate.resources = [];
    return statement;
  }),
  inStatement('a file that is not there', (statement) => {
    statement.predicate.resources.push({ name: 'weights.bin', digest: 'c'.repeat(64), algorithm: 'sha256' });
    return statement;
  }),
  inStatement('a file twice', (statement) => {
    statement.predicate.resources.push(...statement.predicate.resources);
    return statement;
  }),
  inStatement('a path out of the folder', (statement) => {
    const [resource] = statement.predicate.resources;
    if (resource) resource.name = '../model.onnx';
    return statement;
  }),
  inStatement('another method of serialization', (statement) => {
    statement.predicate.serialization.method = 'shards';
    return statement;
  }),
  inStatement('a key twice', (_, text) => text.replace('"predicate":', '"_type":"x","predicate":')),
  inStatement('no JSON', () => 'model.onnx'),
  inStatement('nested without end', () => '['.repeat(5_000) + ']'.repeat(5_000)),
];

const policies: readonly AttackClass[] = [
  { name: 'a key that nobody trusts', control: 'lenient', make: () => makeVersion({ by: 'stranger' }) },
  { name: 'a key whose term is over', control: 'lenient', make: () => makeVersion({ by: 'late' }) },
  { name: 'a key whose term has not begun', control: 'lenient', make: () => makeVersion({ by: 'early' }) },
  { name: 'a revoked key', control: 'lenient', make: () => makeVersion({ by: 'revoked' }) },
  { name: 'a key for other models', control: 'lenient', make: () => makeVersion({ by: 'narrow' }) },
  { name: 'a key for another region', control: 'lenient', make: () => makeVersion({ by: 'elsewhere' }) },
  { name: REVOKED(), control: 'lenient', make: plain },
  { name: 'no approval', control: 'lenient', make: () => makeVersion({ model: two() }) },
  approvals('one approval of two', (of) => [approved(of, 'bob')]),
  approvals('one approver twice', (of) => [approved(of, 'bob'), approved(of, 'bob')]),
  approvals('the publisher as approver', (of) => [approved(of, 'bob'), approved(of, 'good')]),
  approvals('approvals of another version', (of) =>
    ['bob', 'cid'].map((name) => approved({ ...of, digest: 'd'.repeat(64) }, name as 'bob')),
  ),
  approvals('approvals of another model', (of) =>
    ['bob', 'cid'].map((name) => approved({ ...of, model: 'another' }, name as 'bob')),
  ),
  approvals('approvals that are over', (of) =>
    ['bob', 'cid'].map((name) =>
      approved(of, name as 'bob', { issuedAt: '2020-01-01T00:00:00Z', expiresAt: '2021-01-01T00:00:00Z' }),
    ),
  ),
  approvals('an approval by a revoked key', (of) => [approved(of, 'bob'), approved(of, 'gone')]),
  approvals('an approval that counts elsewhere', (of) => [approved(of, 'bob'), approved(of, 'west')]),
  approvals('an approval by a publisher', (of) => [approved(of, 'bob'), approved(of, 'late')]),
  approvals('an approval that was changed', (of) => {
    const second = approved(of, 'cid');
    const payload = Buffer.from(second.payload, 'base64');
    payload[payload.length - 5] = (payload[payload.length - 5] ?? 0) ^ 1;
    return [approved(of, 'bob'), { ...second, payload: payload.toString('base64') }];
  }),
];

function approvals(
  name: string,
  make: NonNullable<Parameters<typeof makeVersion>[0]>['approvals'] & object,
): AttackClass {
  return { name, control: 'lenient', make: () => makeVersion({ model: two(), approvals: make }) };
}

/** The drill puts these into the policy's list. */
export function REVOKED(): string {
  return 'a revoked version';
}

const swapped = (name: string, other: (bytes: Uint8Array) => Uint8Array): AttackClass => {
  const originals = new Map<string, SignedVersion>();
  return {
    name,
    control: 'twin',
    make: () => {
      const version = plain();
      originals.set(version.record.digest, version);
      const resources = new Map([...version.resources].map(([digest, bytes]) => [digest, other(bytes)]));
      return { ...version, resources };
    },
    twin: ({ record }) => originals.get(record.digest) as SignedVersion,
  };
};

const files: readonly AttackClass[] = [
  swapped('other bytes in the store', () => anyModel()),
  swapped('bytes cut off', (bytes) => bytes.slice(0, -7)),
  swapped('bytes added', (bytes) => Buffer.concat([bytes, Buffer.from([0])])),
  swapped('one bit of the file flipped', (bytes) => {
    const flipped = bytes.slice();
    flipped[flipped.length >> 1] = (flipped[flipped.length >> 1] ?? 0) ^ 1;
    return flipped;
  }),
];

/** Signed by a trusted publisher: only the scan stands between it and the runtime. */
const inModel = (
  name: string,
  control: AttackClass['control'],
  onnx: (attempt: number) => Uint8Array,
): AttackClass => ({
  name,
  control,
  make: (attempt) => makeVersion({ onnx: onnx(attempt) }),
});

const spoilt = (change: (model: ReturnType<typeof decode>, attempt: number) => void) => (attempt: number) => {
  const model = decode(anyModel());
  change(model, attempt);
  return encode(model);
};

const models: readonly AttackClass[] = [
  inModel('a loop of a thousand million rounds', 'runtime', (attempt) => turning([1_000_000_000 + attempt])),
  inModel('loops in loops', 'runtime', (attempt) => turning([200 + attempt, 300])),
  inModel(
    'weights that are no numbers',
    'runtime',
    spoilt(({ graph }, attempt) => {
      const [first] = graph?.initializer ?? [];
      if (!first) return;
      first.rawData = first.rawData.slice();
      new DataView(first.rawData.buffer).setFloat32(4 * attempt, NaN, true);
    }),
  ),
  inModel(
    'a name that clears the terminal',
    'runtime',
    spoilt((model, attempt) => (model.producerName = `x\u001b[2J${attempt}`)),
  ),
  inModel(
    'a name that turns the writing',
    'runtime',
    spoilt((model, attempt) => (model.producerName = `gpj.\u202e${attempt}`)),
  ),
  inModel(
    'an operator of somebody',
    'none',
    spoilt(({ graph }) => graph?.node.forEach((node) => (node.domain = 'evil.custom'))),
  ),
  inModel(
    'a compiled program',
    'none',
    spoilt(({ graph }) => {
      const [node] = graph?.node ?? [];
      if (node) Object.assign(node, { domain: 'com.microsoft', opType: 'EPContext' });
    }),
  ),
  inModel(
    'weights from a file of the machine',
    'none',
    spoilt(({ graph }) => {
      const [first] = graph?.initializer ?? [];
      if (!first) return;
      first.rawData = new Uint8Array();
      first.dataLocation = TensorProto_DataLocation.EXTERNAL;
      first.externalData = [create(StringStringEntryProtoSchema, { key: 'location', value: '/etc/passwd' })];
    }),
  ),
  inModel('a constant of terabytes', 'none', (attempt) => {
    const g = new GraphBuilder();
    g.output(g.op('ConstantOfShape', [g.ints([1_000_000 + attempt, 1_000_000])]), T.FLOAT);
    return g.bytes();
  }),
  inModel('a pickle', 'none', (attempt) => Buffer.from(`\x80\x02}q\x00${attempt}`, 'latin1')),
  inModel('half a model', 'none', () => anyModel().slice(0, 400)),
];

export const CLASSES: readonly AttackClass[] = [
  ...signatures,
  ...statements,
  ...policies,
  ...files,
  ...models,
];

function turning(rounds: readonly number[]): Uint8Array {
  const g = new GraphBuilder();
  const x = g.input('x', T.FLOAT, [1]);
  const loop = (outer: GraphBuilder, value: string, [count = 1, ...rest]: readonly number[]): string => {
    const depth = rest.length;
    const body = outer.body(`b${depth}`);
    body.input(`i${depth}`, T.INT64, []);
    const go = body.input(`go${depth}`, T.BOOL, []);
    const state = body.input(`s${depth}`, T.FLOAT, [1]);
    const made = depth > 0 ? loop(body, state, rest) : body.op('Neg', [state]);
    body.output(go, T.BOOL, [], `on${depth}`);
    body.output(made, T.FLOAT, [1], `out${depth}`);
    return outer.op('Loop', [outer.ints(count), '', value], { body: body.graph });
  };
  g.output(loop(g, x, rounds), T.FLOAT, [1], 'y');
  return g.bytes();
}
