// `massif keys new|show`: makes the keys that the gate knows and tells what a key file is, without a mesh.
import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { failure } from '../../contracts/errors.js';
import {
  type Curve,
  fingerprintOf,
  type KeyPurpose,
  newKeyPair,
  pemOf,
  privateKeyOf,
  publicKeyOf,
} from '../../services/mesh/trust/signing-key.js';
import { argument, type Command, type Invocation, text, UsageError } from '../cli/command.js';
import { readText } from '../cli/key-files.js';

const PURPOSES: readonly KeyPurpose[] = ['publisher', 'approver', 'operator', 'auditor', 'root'];
const CURVES: readonly Curve[] = ['P-256', 'P-384'];

export const keys: Command = {
  name: 'keys',
  usage: `keys new ${PURPOSES.join('|')} --out FOLDER [--name NAME] [--curve P-256|P-384]  |  keys show FILE`,
  argumentsMax: 2,
  summary: 'makes key pairs for publishers, approvers, operators, and tells whose a key file is',
  help: `  new PURPOSE        writes NAME.pem (readable by you alone) and NAME.pub.pem; NAME is the purpose when absent
  show FILE          the fingerprint, as trust policies name it
  --curve CURVE      of publishers and approvers: P-256 (as absent) or P-384; the others are Ed25519
  An existing file is never written over.`,
  options: { out: { type: 'string' }, name: { type: 'string' }, curve: { type: 'string' } },
  async run(invocation: Invocation) {
    const verb = argument(invocation.args, 0, 'new or show');
    if (verb === 'new') return make(invocation);
    if (verb === 'show') return show(invocation);
    throw new UsageError(`keys knows new and show, got "${verb}"`);
  },
};

async function make({ args, values, out }: Invocation): Promise<void> {
  const asked = argument(args, 1, `the purpose (${PURPOSES.join(', ')})`);
  const purpose = PURPOSES.find((one) => one === asked);
  if (!purpose) throw new UsageError(`there are keys for ${PURPOSES.join(', ')}, got "${asked}"`);
  const curve = CURVES.find((one) => one === (text(values, 'curve') ?? 'P-256'));
  if (!curve) throw new UsageError(`--curve is ${CURVES.join(' or ')}`);
  const folder = text(values, 'out');
  if (folder === undefined) throw new UsageError('--out FOLDER says where the two files go');
  const name = text(values, 'name') ?? purpose;
  const [privatePath, publicPath] = [join(folder, `${name}.pem`), join(folder, `${name}.pub.pem`)];
  for (const path of [privatePath, publicPath]) await refuseExisting(path);
  const pair = newKeyPair(purpose, curve);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(privatePath, pair.privateKeyPem, { mode: 0o600, flag: 'wx' });
  await writeFile(publicPath, pair.publicKeyPem, { flag: 'wx' });
  out.show(
    { purpose, fingerprint: pair.fingerprint, privateKey: privatePath, publicKey: publicPath },
    () =>
      `${privatePath} is the key, ${publicPath} what others may have\nfingerprint ${pair.fingerprint}: a trust policy names it before it counts`,
  );
}

async function show({ args, out }: Invocation): Promise<void> {
  const path = argument(args, 1, 'FILE');
  const pem = await readText(path);
  const secret = pem.includes('PRIVATE KEY');
  const key = secret ? privateKeyOf(pem) : publicKeyOf(pem);
  const kind = key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType ?? 'unknown';
  const fingerprint = fingerprintOf(key);
  out.show(
    { fingerprint, kind, private: secret, publicKeyPem: pemOf(key) },
    () => `${secret ? 'private' : 'public'} key, ${kind}\nfingerprint ${fingerprint}`,
  );
}

async function refuseExisting(path: string): Promise<void> {
  const exists = await access(path).then(
    () => true,
    () => false,
  );
  if (exists) throw failure('BAD_REQUEST', `${path} is there already: name another, or move it away.`);
}
